#!/usr/bin/env bash
# Installs what is missing, builds everything and runs all tests; then those of the library once more under the address,
# undefined-behaviour and leak sanitizers. With --quick the second part is left out, and no PyTorch is fetched for the tests
# beside it. With --all, what only some tests need is installed as well (scripts/packages_all.txt), so that none is skipped.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

quick=no packages=(scripts/packages.txt)
for argument in "$@"; do
  case $argument in
    --quick) quick=yes ;;
    --all) packages+=(scripts/packages_all.txt) ;;
    *) fail "unknown argument $argument; usage: scripts/test.sh [--quick | --all]" 2 ;;
  esac
done

# Sets `python` to a Python that has PyTorch, for the tests torch.*; makes one in build/python if there is none. Where that
# fails these tests are skipped; nothing else needs it.
find_python() {
  local log=build/python.log
  for python in "$(command -v python3 || true)" "$PWD/build/python/bin/python3"; do
    if [[ -x $python ]] && "$python" -c 'import numpy, safetensors, torch' 2>/dev/null; then return; fi
  done
  python=$(command -v python3 || true)
  [[ $quick == no ]] || return 0
  say "fetching PyTorch for some tests into build/python (log: $log) ..."
  mkdir -p build
  if timeout 480 bash -euc '
    python3 -m venv --clear build/python
    # The index of PyTorch itself has it without CUDA, much smaller.
    build/python/bin/pip install --retries 1 --extra-index-url https://download.pytorch.org/whl/cpu \
      torch==2.13.0 numpy safetensors' >"$log" 2>&1 </dev/null; then
    python=$PWD/build/python/bin/python3
  else
    say "PyTorch could not be had; the tests beside it are skipped"
  fi
}

# skipped_tests PRESET: a line for each test that was skipped, wholly or in part, with the reason it gave: after "skipped: ",
# or in the line after GoogleTest's.
skipped_tests() {
  awk '/^[0-9]+\/[0-9]+ Test(ing)?: /{name = $NF}
       reason_follows{print "  " name ": " $0; reason_follows = 0}
       /^skipped: /{print "  " name ": " substr($0, 10)}
       /: Skipped$/{reason_follows = 1}' "build/$1/Testing/Temporary/LastTest.log" | sort -u
}

# run_tests PRESET [CTEST_OPTION...]: prints what failed, ctest's closing lines, and what was skipped.
run_tests() {
  local preset=$1 log=build/$1/test.log status=0
  shift
  say "testing build/$preset (log: $log) ..."
  ctest --preset "$preset" --no-tests=error --timeout 600 -j2 "$@" >"$log" 2>&1 || status=$?
  if ((status)); then
    grep -vE '^ *Start +[0-9]+:|^ *[0-9]+/[0-9]+ Test .* Passed ' "$log" >&2
    fail "tests failed in build/$preset"
  fi
  sed -n '/tests passed/,/^Total Test time/p' "$log"
  local skipped
  skipped=$(skipped_tests "$preset")
  [[ -z $skipped ]] || printf 'Skipped in build/%s:\n%s\n' "$preset" "$skipped"
}

install_missing_packages "${packages[@]}"
data=$(find_data)
if [[ -n $data ]]; then export NORMA_DATA=$data; fi
say "data: ${data:-CIFAR-10 not found; tests that read it are skipped}"

find_python
build release all -DNORMA_TESTS=ON -DNORMA_APPS=ON ${python:+"-DNORMA_PYTHON=$python"}
run_tests release

if [[ $quick == no ]]; then
  build asan-ubsan "norma_tests norma_gradient_tests" -DNORMA_TESTS=ON -DNORMA_APPS=OFF
  run_tests asan-ubsan -L '^norma_(gradient_)?tests$'
fi
say "all tests passed"

#!/usr/bin/env bash
# Installs what is missing, builds everything and runs all tests; then once more under the address, undefined-behaviour
# and leak sanitizers. With --quick the second part is left out.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

quick=no
for argument in "$@"; do
  [[ $argument == --quick ]] || fail "unknown argument $argument; usage: scripts/test.sh [--quick]" 2
  quick=yes
done

# run_tests PRESET: prints what failed, and ctest's closing lines.
run_tests() {
  local preset=$1 log=build/$1/test.log status=0
  say "testing build/$preset (log: $log) ..."
  ctest --preset "$preset" --no-tests=error --timeout 600 -j2 >"$log" 2>&1 || status=$?
  if ((status)); then
    grep -vE '^ *Start +[0-9]+:|^ *[0-9]+/[0-9]+ Test .* Passed ' "$log" >&2
    fail "tests failed in build/$preset"
  fi
  sed -n '/tests passed/,$p' "$log"
}

install_missing_packages
data=$(find_data)
if [[ -n $data ]]; then export NORMA_DATA=$data; fi
say "data: ${data:-CIFAR-10 not found; tests that read it are skipped}"

build release all -DNORMA_TESTS=ON -DNORMA_APPS=ON
run_tests release

if [[ $quick == no ]]; then
  build asan-ubsan tests/all -DNORMA_TESTS=ON -DNORMA_APPS=OFF
  run_tests asan-ubsan
fi
say "all tests passed"

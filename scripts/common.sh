# shellcheck shell=bash
# Sourced by demo.sh and test.sh: goes to the root of the repository; installs packages, builds quietly, finds data.

set -euo pipefail
# shellcheck disable=SC2034 # used by demo.sh
start=$PWD
if [[ -n ${NORMA_DATA:-} && $NORMA_DATA != synthetic ]]; then
  NORMA_DATA=$(realpath -m -- "$NORMA_DATA")
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { echo "norma: $1"; }

# fail MESSAGE [EXIT_STATUS]
fail() {
  echo "norma: $1" >&2
  exit "${2:-1}"
}

# missing_packages LIST...: prints the packages of these lists that are not installed. A program that is in PATH needs no package.
missing_packages() {
  local package
  sed 's/#.*//' "$@" | while read -r package; do
    [[ -n $package ]] || continue
    command -v "${package%-build}" >/dev/null && continue
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
  done
}

# install_missing_packages LIST...: does nothing, and needs no network, if nothing is missing.
install_missing_packages() {
  if ! command -v apt-get >/dev/null; then
    say "no apt here; needed: a C++20 compiler, CMake 3.22, Ninja, Eigen 3.4, CLI11, nlohmann-json, {fmt}, libpng, TurboJPEG, stb, GoogleTest, Google Benchmark"
    return
  fi
  local missing log reason
  read -ra missing <<<"$(missing_packages "$@" | tr '\n' ' ')"
  ((${#missing[@]} > 0)) || return 0
  ((EUID == 0)) || fail "packages are missing, run: sudo apt-get install --no-install-recommends ${missing[*]}" 2
  say "installing ${missing[*]}"
  log=$(mktemp)
  local apt=(apt-get -q -y -o DPkg::Lock::Timeout=60 -o Acquire::Retries=1 -o Acquire::http::Timeout=20)
  # An update that fails is no reason to stop: the lists at hand may do.
  "${apt[@]}" update >"$log" 2>&1 || true
  if ! DEBIAN_FRONTEND=noninteractive "${apt[@]}" install --no-install-recommends "${missing[@]}" >>"$log" 2>&1; then
    reason=$(grep '^E: ' "$log" | tail -n 1 || true)
    if grep -q 'Could not get lock' "$log"; then reason="another program is using apt"; fi
    if grep -qE 'Temporary failure|Could not (resolve|connect)|Unable to connect|timed out' "$log"; then
      reason="the package server cannot be reached"
    fi
    fail "could not install ${missing[*]}: ${reason:-apt-get failed} (log: $log)" 2
  fi
  rm -f "$log"
}

# logged LOG COMMAND...: runs the command with its output added to LOG; if it fails, shows the end of it, and the first
# errors in case they came earlier, and exits.
logged() {
  local log=$1
  shift
  "$@" >>"$log" 2>&1 && return
  tail -n 30 "$log" >&2
  grep -m 3 -E '[Ee]rror: |^CMake Error' "$log" >&2 || true
  fail "failed: $* (all output: $log)"
}

# build PRESET TARGETS [CONFIGURE_OPTION...]: quietly, in build/PRESET.
build() {
  local preset=$1 targets log=build/$1/build.log
  read -ra targets <<<"$2"
  shift 2
  mkdir -p "build/$preset"
  : >"$log"
  say "building build/$preset (log: $log) ..."
  logged "$log" cmake --preset "$preset" "$@"
  logged "$log" cmake --build "build/$preset" --parallel "$(nproc)" --target "${targets[@]}"
}

# Prints $NORMA_DATA, else the folder of CIFAR-10 in its binary format if it is in one of the usual places.
find_data() {
  local folder
  if [[ -n ${NORMA_DATA:-} ]]; then
    echo "$NORMA_DATA"
    return
  fi
  for folder in datasets/cifar-10-batches-bin ../shared/cifar-10-batches-bin; do
    if [[ -d $folder ]]; then
      realpath "$folder"
      return
    fi
  done
}

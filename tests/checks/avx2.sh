#!/usr/bin/env bash
# avx2.sh SOURCE WORK COMPILER: the fast kernels with vectors of 8 numbers, built in WORK and tested like those of this machine.
# (The preset asan-ubsan tests them with vectors of 4.) Exit code 77, skipped, where the processor has no AVX2.
set -euo pipefail
source_dir=$1 work=$2 compiler=$3
if ! grep -qw avx2 /proc/cpuinfo || ! grep -qw fma /proc/cpuinfo; then
  echo "skipped: this processor has no AVX2 and FMA"
  exit 77
fi
mkdir -p "$work"
cmake -S "$source_dir" -B "$work" -G Ninja -DCMAKE_BUILD_TYPE=Release -DNORMA_TESTS=ON -DNORMA_APPS=OFF \
  "-DCMAKE_CXX_COMPILER=$compiler" "-DCMAKE_CXX_FLAGS=-mavx2 -mfma" >"$work/configure.log"
cmake --build "$work" -j2 --target norma_fast_tests >"$work/build.log" || {
  tail -n 30 "$work/build.log"
  exit 1
}
"$work/tests/norma_fast_tests"

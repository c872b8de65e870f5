#!/usr/bin/env bash
# Feeds every reader that has a target here (tests/fuzz/*.cpp) with damaged input: tests/fuzz/run.sh SECONDS BUILD [NAME...]
#
# Each target runs SECONDS, from its seeds (seeds/NAME/) and with its words (NAME.dict) where it has them. What it found
# new is kept in BUILD/corpus/NAME and is where the next run goes on; an input that fails is left in BUILD. Exit code 0: no
# finding, 1: a finding, 77: skipped, there is no clang++-14 with libFuzzer.
set -euo pipefail
(($# >= 2)) || { echo "usage: tests/fuzz/run.sh SECONDS BUILD [NAME...]" >&2; exit 2; }
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
seconds=$1 build=$2
shift 2

mkdir -p "$build"
cd "$build"
echo 'extern "C" int LLVMFuzzerTestOneInput(const unsigned char*, unsigned long) { return 0; }' >empty.cpp
if ! clang++-14 -fsanitize=fuzzer,address,undefined empty.cpp -o empty 2>/dev/null; then
  echo "skipped: there is no clang++-14 with libFuzzer"
  exit 77
fi
cmake -S "$here" -B . -D CMAKE_CXX_COMPILER=clang++-14 >/dev/null
cmake --build . --parallel 2 >build.log 2>&1 || { tail -30 build.log >&2; exit 1; }

names=("$@")
if ((${#names[@]} == 0)); then
  for source in "$here"/*.cpp; do names+=("$(basename "$source" .cpp)"); done
fi
status=0
for name in "${names[@]}"; do
  mkdir -p "corpus/$name"
  arguments=("corpus/$name" -max_total_time="$seconds" -max_len=8192 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$name-")
  if [[ -d $here/seeds/$name ]]; then arguments+=("$here/seeds/$name"); fi
  if [[ -f $here/$name.dict ]]; then arguments+=(-dict="$here/$name.dict"); fi
  if OMP_NUM_THREADS=1 "./fuzz_$name" "${arguments[@]}" >"$name.log" 2>&1; then
    echo "$name: no finding in $(sed -n 's/^stat::number_of_executed_units: *//p' "$name.log") executions"
  else
    echo "$name: a finding, see $build/$name.log" >&2
    tail -40 "$name.log" >&2
    status=1
  fi
done
exit $status

#!/usr/bin/env bash
# tidy.sh SOURCE INCLUDE [FILE...]: clang-tidy-14, as .clang-tidy says, on the library in SOURCE; INCLUDE holds norma/.
# Exit code 77, skipped, where it is not installed.
set -euo pipefail
source_dir=$1 include=$2
shift 2
if ! command -v clang-tidy-14 >/dev/null; then
  echo "skipped: clang-tidy-14 is not installed"
  exit 77
fi
cd "$source_dir"
if (($# == 0)); then
  mapfile -t files < <(find core layers optim data -name '*.cpp' | sort)
  set -- "${files[@]}"
fi
eigen=$(pkg-config --variable=prefix eigen3 2>/dev/null || echo /usr)/include/eigen3
printf '%s\0' "$@" | xargs -0 -P 2 -n 4 sh -c '
  flags=$0
  clang-tidy-14 --quiet "$@" -- $flags 2>/dev/null' \
  "-std=c++20 -I$include -isystem $eigen -fopenmp -DEIGEN_DONT_PARALLELIZE -DEIGEN_MAX_ALIGN_BYTES=64" || exit 1
echo "$# files have no findings"

#!/usr/bin/env bash
# without_fast.sh SOURCE WORK: deletes layers/fast/ and its line in CMakeLists.txt from a copy of SOURCE made in WORK,
# builds that and trains with it. What is deleted must not be missed.
set -euo pipefail
source_dir=$1 work=$2
rm -rf "$work"
mkdir -p "$work"
for part in CMakeLists.txt cmake core layers optim data apps; do cp -r "$source_dir/$part" "$work/"; done
rm -r "$work/layers/fast"
grep -q '^ *fast/' "$work/CMakeLists.txt"
sed -i '/^ *fast\//d' "$work/CMakeLists.txt"
cmake -S "$work" -B "$work/build" -G Ninja -DNORMA_TESTS=OFF -DCMAKE_BUILD_TYPE=Release >"$work/configure.log"
cmake --build "$work/build" -j2 --target first_steps norma_command >"$work/build.log"
"$work/build/apps/first_steps" >/dev/null
"$work/build/apps/norma" train --data synthetic --model small --limit 500 --epochs 1 --out "$work/run" \
  >"$work/train.log"
test -s "$work/run/weights/best.safetensors"
echo "works without layers/fast"

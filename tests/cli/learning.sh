#!/usr/bin/env bash
# Does training learn, and is the synthetic set neither too easy nor too hard? learning.sh PATH-OF-NORMA
set -euo pipefail
norma=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# final_accuracy NAME ARGUMENTS...: accuracy on the test images after the last epoch, 0 to 1.
final_accuracy() {
  "$norma" train --data synthetic --out "$work/$1" "${@:2}" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; } >&2
  tail -n 1 "$work/$1/metrics.csv" | cut -d, -f6
}

# between LOW VALUE HIGH WHAT
between() {
  echo "$4: $2, must lie in [$1, $3]"
  awk "BEGIN { exit !($1 <= $2 && $2 <= $3) }"
}

between 0.05 "$(final_accuracy linear --model linear --lr 0.003 --epochs 8)" 0.40 'linear classifier'
between 0.85 "$(final_accuracy small --model small --epochs 6)" 0.97 'small CNN with batch norm'

#!/usr/bin/env bash
# Makes the reports that report.py looks at: of all labs, very short; of a training; of lr-find. reports.sh PATH-OF-NORMA DIR
set -euo pipefail
norma=$1 dir=$2
rm -rf "$dir"
mkdir -p "$dir"
"$norma" lab all --data synthetic --scale 0.002 --out "$dir/lab"
"$norma" train --data synthetic --model small --epochs 2 --limit 512 --out "$dir/train"
"$norma" lr-find --data synthetic --model small --limit 512 --steps 20 --out "$dir/lr-find"

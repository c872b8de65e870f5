#!/usr/bin/env bash
# Installs what is missing, builds the programs and trains the demo network.
# Arguments are handed to `norma train` and replace the demo's own: scripts/demo.sh --epochs 5
set -euo pipefail
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

arguments=("$@")
given() {
  local argument
  for argument in "${arguments[@]}"; do
    [[ $argument != "$1" && $argument != "$1="* ]] || return 0
  done
  return 1
}

command=("$PWD/build/release/apps/norma" train)
# default OPTION VALUE: part of the command unless the user gave OPTION.
default() { given "$1" || command+=("$1" "$2"); }

# The next free runs/demo-NNN, as seen from where the user is.
next_run() {
  local number=1
  while [[ -e $(printf 'runs/demo-%03d' "$number") ]]; do ((number += 1)); done
  realpath -m --relative-to="$start" "$(printf 'runs/demo-%03d' "$number")"
}

install_missing_packages scripts/packages.txt
build release apps/all

if ! given --data; then
  data=$(find_data)
  say "data: ${data:-synthetic shapes, because CIFAR-10 is neither in datasets/cifar-10-batches-bin nor named by NORMA_DATA}"
  default --data "${data:-synthetic}"
fi
default --epochs 6
default --model small
default --out "$(next_run)"

cd "$start"
exec "${command[@]}" "$@"

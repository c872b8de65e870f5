#!/usr/bin/env bash
# A training step beside a process that keeps one processor busy: busy.sh PATH-OF-TRAIN_STEP PROGRAM...
# It takes about twice its time; if threads spin while they wait (core/brief_waits.h), 3 to 20 times, as the scheduler will
# have it. So the bound below only catches the worst, and before it every PROGRAM is asked how long its threads spin.
# Exit code 77, skipped, where there is a single processor.
set -u
train_step=$1
unset OMP_WAIT_POLICY GOMP_SPINCOUNT
failures=0

# The last one to begin is the one that runs.
spins() { OMP_DISPLAY_ENV=verbose "$@" 2>&1 >/dev/null </dev/null | sed -n "s/.*GOMP_SPINCOUNT = '\(.*\)'.*/\1/p" | tail -1; }
expect() {
  [ "$1" = "$2" ] || { echo "FAILED: $3: '$1', expected '$2'" && failures=$((failures + 1)); }
}
for program in "$@"; do
  expect "$(spins "$program" --version)" 1000 "$program spins"
  expect "$(GOMP_SPINCOUNT=77 spins "$program" --version)" 77 "$program spins as it is told"
  expect "$(OMP_WAIT_POLICY=passive spins "$program" --version)" 0 "$program obeys OMP_WAIT_POLICY"
done
[ "$failures" = 0 ] || exit 1
[ "$(nproc)" -ge 2 ] || exit 77

step_ms() { "$train_step" small 128 2 21 | cut -d ' ' -f 1; }
quiet=() busy=()
for _ in 1 2 3; do
  quiet+=("$(step_ms)")
  while :; do :; done &
  other=$!
  busy+=("$(step_ms)")
  kill "$other"
done
wait
median() { printf '%s\n' "$@" | sort -g | sed -n 2p; }
printf '%s\n' "quiet: ${quiet[*]} ms" "busy: ${busy[*]} ms"
awk "BEGIN { b = $(median "${busy[@]}"); exit !(b > 0 && b <= 5 * $(median "${quiet[@]}")) }" ||
  { echo "FAILED: more than 5 times as long"; exit 1; }

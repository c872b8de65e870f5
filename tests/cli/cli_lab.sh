#!/usr/bin/env bash
# norma lab: what it leaves, that it can be stopped and goes on, its messages. cli_lab.sh PATH-OF-NORMA
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/cli_common.sh"

refuses 2 'needs a name: convergence, lr-stress, modes, .*, all' lab
refuses 2 "name: must be one of convergence.*got 'covnergence'" lab covnergence
refuses 2 "--scale: .*got '0'" lab modes --scale 0
refuses 2 "--scale: .*got 'inf'" lab modes --scale inf
refuses 2 "--scale: must be a finite number > 0 and <= 1000, got '1e300'" lab modes --scale 1e300
refuses 2 "--seed: .*got '-1'" lab modes --seed -1
refuses 3 'nowhere: no such folder' lab modes --data nowhere
refuses 3 'nowhere/config.json: no such file' lab --resume nowhere
refuses 2 '--resume excludes --out|--out excludes --resume' lab modes --resume a --out b

short=(--data synthetic --scale 0.01)
"$norma" lab convergence "${short[@]}" --threads 2 --out two >out 2>err
holds 'lab: exit code 0' [ $? = 0 ]
holds 'lab: quiet stderr' [ ! -s err ]
holds 'lab: a line for each of 18 jobs' [ "$(grep -cE '^ *[0-9]+/18  (batch|no) norm, learning rate [0-9.]+, seed [012] +[0-9.]+ s' out)" = 18 ]
holds 'lab: what was found' grep -qE '^  - With batch norm the best of the learning rates is [0-9.]+: [0-9.]+% of' out
holds 'lab: where the report is' grep -qxE 'report  two/report.html' out
for file in report.html curves.csv config.json env.json command.txt jobs.jsonl log.jsonl charts/01.svg charts/06.svg; do
  holds "lab: $file" [ -s "two/$file" ]
done
holds 'lab: a row for each test of each run' [ "$(wc -l <two/curves.csv)" = $((1 + 18 * 14)) ]
holds 'lab: the command in the report' grep -qF 'lab convergence --data synthetic --scale 0.01 --threads 2 --out two' two/report.html
holds 'lab: the report is complete' bash -c '! grep -q "Not complete" two/report.html'
refuses 4 'two: already holds a run' lab convergence "${short[@]}" --out two
refuses 2 '--seed 5 was given, but two was begun with 0' lab --resume two --seed 5
refuses 2 'name "modes" was given, but two was begun with "convergence"' lab modes --resume two
"$norma" data make synthetic --dir other-images --train 20 --test 20 >out 2>err
refuses 3 'two: was begun on synthetic shapes: .*, checksum ' lab --resume two --data other-images

"$norma" lab convergence "${short[@]}" --threads 1 --out one >out 2>err
holds 'lab: the same CSV on one thread' cmp one/curves.csv two/curves.csv
"$norma" lab convergence "${short[@]}" --seed 1 --out seed >out 2>err
holds 'lab: another CSV with another seed' bash -c '! cmp -s seed/curves.csv two/curves.csv'

# norma modes is norma lab modes: eval() does not look at the neighbours, forgets its start, and folds.
"$norma" modes "${short[@]}" --out modes >out 2>err
holds 'modes: exit code 0' [ $? = 0 ]
holds 'modes: eval() does not depend on the company' grep -qE 'moved between (-?[0-9.]+) and -?[0-9.]+, in eval\(\) by 0\.$' out
holds 'modes: in eval() one answer for all neighbours' [ "$(grep -c ',eval,' modes/neighbours.csv)" = 6 -a "$(grep ',eval,' modes/neighbours.csv | cut -d, -f2- | sed 's/.*eval/eval/' | sort -u | wc -l)" = 1 ]
holds 'modes: folded' bash -c "tail -n 1 modes/folding.csv | grep -qE '^18,14,(0[.0-9]*),\1,[0-9.]+e-0[67]$'"
holds 'modes: a row for recalibrate()' grep -qE '^recalibrate\(\),0\.[0-9]+,0\.[0-9]+$' modes/reset.csv

# Killed in the middle, and in the middle of writing a line.
"$norma" lab convergence "${short[@]}" --threads 1 --out killed >out 2>err &
pid=$!
for _ in $(seq 600); do
  [ "$(wc -l 2>/dev/null <killed/jobs.jsonl || echo 0)" -ge 4 ] && break
  sleep 0.1
done
kill -9 $pid
wait $pid 2>/dev/null
done_jobs=$(wc -l <killed/jobs.jsonl)
holds 'lab: killed before its end' [ "$done_jobs" -ge 4 -a "$done_jobs" -lt 18 ]
holds 'lab: what is finished is in the report' grep -qE 'Not complete: [0-9]+ of 18 jobs' killed/report.html
printf '{"job": "convergence: ba' >>killed/jobs.jsonl
"$norma" lab --resume killed --threads 2 >out 2>err
holds 'lab --resume: exit code 0' [ $? = 0 ]
holds 'lab --resume: only what was missing' [ "$(grep -cE '^ *[0-9]+/18 ' out)" = $((18 - done_jobs)) ]
holds 'lab --resume: the CSV of one that was never stopped' cmp killed/curves.csv two/curves.csv
holds 'lab --resume: the first command in the report' grep -qF 'lab convergence --data synthetic --scale 0.01 --threads 1 --out killed' killed/report.html
holds 'lab --resume: the report is complete' bash -c '! grep -q "Not complete" killed/report.html'

# Stopped by a signal.
"$norma" lab convergence "${short[@]}" --threads 1 --out stopped >out 2>err &
pid=$!
for _ in $(seq 600); do [ -s stopped/jobs.jsonl ] && break; sleep 0.1; done
kill -TERM $pid
wait $pid
holds 'lab: SIGTERM ends it with 143' [ $? = 143 ]
holds 'lab: says how to go on' grep -qE 'norma lab: stopped; .* go on with: norma lab --resume stopped$' err

cp -r one damaged && sed -i '3s/.*/{"job": 3/' damaged/jobs.jsonl
refuses 3 'damaged/jobs.jsonl: line 3 is damaged' lab --resume damaged
cp one/jobs.jsonl damaged/ && sed -i '3s/\[\[/[[1,/' damaged/jobs.jsonl
refuses 3 "damaged/jobs.jsonl: the rows of 'convergence: .*' do not fit this program's table 'curves'" lab --resume damaged
echo '{}' >damaged/config.json
refuses 3 "damaged/config.json: key 'verb' not found" lab --resume damaged
"$norma" train --data synthetic --limit 64 --epochs 1 --model linear --out trained >out 2>err
refuses 3 'trained/config.json: is the run of norma train, not of norma lab' lab --resume trained

finish

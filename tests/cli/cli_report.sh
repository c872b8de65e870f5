#!/usr/bin/env bash
# norma lr-find, and the report of norma train. cli_report.sh PATH-OF-NORMA
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/cli_common.sh"
tolerated='^norma: warning: '

refuses 2 '--from 1 must be less than --to 0.5' lr-find --data synthetic --from 1 --to 0.5
refuses 2 "--from: .*got '0'" lr-find --from 0
refuses 2 "--to: .*got 'nan'" lr-find --to nan
refuses 2 "--steps: must be a whole number from 20 .*got '3'" lr-find --steps 3
refuses 3 'nowhere: no such folder' lr-find --data nowhere

find=(--data synthetic --limit 8000 --model small --steps 200 --batch-size 64 --from 0.003 --to 3)
"$norma" lr-find "${find[@]}" --threads 2 --out two >out 2>err
holds 'lr-find: exit code 0' [ $? = 0 ]
holds 'lr-find: quiet stderr' [ ! -s err ]
lr=$(sed -nE 's/^suggested: --lr ([0-9.e-]+), a third of it$/\1/p' out)
holds 'lr-find: suggests a rate' awk "BEGIN { exit !($lr > 1e-3 && $lr < 3) }"
holds 'lr-find: that is a third of where the smoothed loss is smallest' \
  awk -F, -v lr="$lr" 'NR == 2 || (NR > 2 && $4 != "nan" && $4 < low) { low = $4; at = $2 }
    END { exit !(at / 3 > 0.94 * lr && at / 3 < 1.06 * lr) }' two/lr_find.csv
holds 'lr-find: the suggestion is drawn' grep -q '>suggested<' two/report.html
for file in report.html config.json env.json command.txt; do holds "lr-find: $file" [ -s "two/$file" ]; done
"$norma" lr-find "${find[@]}" --threads 1 --out one >out 2>err
holds 'lr-find: the same CSV on one thread' cmp one/lr_find.csv two/lr_find.csv

mkdir -p shapes && "$norma" data make synthetic --dir shapes --train 200 --test 100 >out 2>err
mv 'shapes/train/disc' 'shapes/train/a <b> & c' && mv 'shapes/test/disc' 'shapes/test/a <b> & c'
"$norma" train --data shapes --model small --epochs 3 --out run >out 2>err
holds 'train: exit code 0' [ $? = 0 ]
holds 'train: says where the report is' grep -qE '^report +run/report.html$' out
holds 'train: the report has all epochs' grep -q '3 of 3 epochs' run/report.html
holds 'train: the confusion matrix' grep -q 'Confusion matrix' run/report.html
holds 'train: the accuracy of each class' grep -q 'Accuracy of each class' run/report.html
holds 'train: mistakes as pictures' [ "$(grep -oE '<img [^>]*src="data:image/png;base64,' run/report.html | wc -l)" = 12 ]
holds 'train: a class name is text' grep -q 'a &lt;b&gt; &amp; c' run/report.html
holds 'train: and nothing else' bash -c '! grep -q "a <b>" run/report.html'
holds 'train: the command' grep -qF 'train --data shapes --model small --epochs 3 --out run' run/report.html

"$norma" train --data shapes --model small --epochs 4 --out stopped >out 2>err &
pid=$!
for _ in $(seq 600); do [ -s stopped/report.html ] && break; sleep 0.1; done
kill -TERM $pid
wait $pid
holds 'train: stopped' [ $? = 143 ]
"$norma" train --resume stopped >out 2>err
holds 'train --resume: exit code 0' [ $? = 0 ]
holds 'train --resume: the report has all epochs' grep -q '4 of 4 epochs' stopped/report.html

mkdir kept2 && "$norma" train --data shapes --model linear --epochs 1 --out kept2 >out 2>err
holds 'train: into an empty folder' [ -s kept2/report.html ]

finish

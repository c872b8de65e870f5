#!/usr/bin/env bash
# What a user of the command line sees: exit codes, one-line messages, files. cli.sh PATH-OF-NORMA
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/cli_common.sh"
tolerated='^norma: warning: '  # about modes; any number of them

quick=(--data synthetic --model small --limit 300 --epochs 2 --batch-size 64)

# Usage: 2
refuses 2 'needs a verb: train, eval, predict, compare, lr-find, modes, lab, summary, bench, explain, inspect or data'
refuses 2 'needs a verb: train, eval, predict, compare, lr-find, modes, lab, summary, bench, explain, inspect or data' nonsense
refuses 2 '--nonsense' train --nonsense
refuses 2 "--batch-size: must be a whole number from 1 .*got '0'" train --batch-size 0
refuses 2 "--batch-size: .*got '1.5'" train --batch-size 1.5
refuses 2 "--lr: must be a finite number > 0, got 'nan'" train --lr nan
refuses 2 "--lr: .*'-1'" train --lr=-1
refuses 2 "--lr: .*'0'" compare --lr 0.1,0
refuses 2 "--momentum: .*'inf'" train --momentum inf
refuses 2 "--epochs: .*'many'" train --epochs many
refuses 2 "--epochs: must be a whole number from 1 to 1000000000, without 0 in front, got '010'" train --data synthetic --limit 20 --epochs 010
refuses 2 "--seed: .*'0x10'" train "${quick[@]}" --seed 0x10
refuses 2 "--threads: .*'010'" train "${quick[@]}" --threads 010
refuses 2 "--model: must be one of cnn.small.linear.bench.air.resnet, got 'vgg'" train --model vgg
refuses 2 "--norm: must be one of batch.layer.instance.group.none, got 'weight'" train --norm weight
refuses 2 "--norm: must be one of .*got 'weight'" compare --norm batch,weight
refuses 2 '--freeze-after: this network has no batch norm' train "${quick[@]}" --norm group --freeze-after 1 --out frozen
refuses 2 '--freeze-after: after epoch 2 of 2' train "${quick[@]}" --freeze-after 2 --out frozen
refuses 2 '--freeze: this network has no batch norm' summary --norm group --freeze
refuses 2 "--freeze-after: must be a whole number from 0 .*got '-1'" train --freeze-after=-1
refuses 2 "--schedule: must be one of constant" train --schedule wild
refuses 2 "--augment: must be one of on.off, got 'maybe'" train --augment maybe
refuses 2 "--threads: .*0" train --threads 0
refuses 2 "--label-smoothing: must lie in .0,1., got '2'" train "${quick[@]}" --label-smoothing 2 --out smoothing
refuses 2 "warm-up do not fit 2 epochs" train "${quick[@]}" --warmup 9 --out warmup

refuses 2 'explain: needs a topic; choose one of: bn' explain
refuses 2 "explain: there is no topic 'dropout'; choose one of: bn" explain dropout
refuses 2 'not expected: bn' explain bn bn

refuses 2 "--warmup: 1e.300 epochs of warm-up do not fit" train "${quick[@]}" --warmup 1e300 --out warmup
refuses 2 "--data: must not be empty" train --data ''
refuses 2 "--out: must not be empty" train "${quick[@]}" --out ''
holds 'wrong usage leaves no run folder' [ ! -e warmup ]

# Data: 3
record=3073 records=10000
fake() { # a folder in the right format, all images black, all labels 0
  mkdir -p "$1"
  for f in data_batch_1 data_batch_2 data_batch_3 data_batch_4 data_batch_5 test_batch; do
    truncate -s $((record * records)) "$1/$f.bin"
  done
  printf '%s\n' a b c d e f g h i j >"$1/batches.meta.txt"
}
refuses 3 'no/such/folder: no such folder' train --data no/such/folder
fake good
refuses 3 'good/data_batch_1.bin: no such folder' train --data good/data_batch_1.bin
for kind in short long; do
  fake $kind
  [ $kind = short ] && size=$((record * records - 1)) || size=$((record * records + 1))
  truncate -s $size $kind/data_batch_3.bin
  refuses 3 "$kind/data_batch_3.bin: must be 30730000 bytes .*is $size" train --data $kind
done
fake label
printf '\310' | dd of=label/test_batch.bin bs=1 seek=$((record * 7)) conv=notrunc 2>/dev/null
refuses 3 'label/test_batch.bin: record 7 has label 200, must be 0 to 9' train --data label
fake missing && rm missing/data_batch_5.bin
refuses 3 'missing/data_batch_5.bin: no such file' train --data missing
fake names && echo k >>names/batches.meta.txt
refuses 3 'names/batches.meta.txt: must hold 10 class names, holds 11' train --data names
fake folder && rm folder/test_batch.bin && mkdir folder/test_batch.bin
refuses 3 'folder/test_batch.bin: not a regular file' train --data folder
NORMA_DATA=no/such/folder refuses 3 'no/such/folder: no such folder' train

# Files: 4
echo text >file
refuses 4 'file/run: cannot make this folder' train "${quick[@]}" --out file/run
refuses 4 '/proc/norma: cannot make this folder' train "${quick[@]}" --out /proc/norma
refuses 4 'file: cannot make this folder' train "${quick[@]}" --out file

mkdir used && touch used/notes
refuses 4 'used: must be a new or an empty folder' train "${quick[@]}" --out used
header=$(for i in $(seq 0 99); do printf ',"%s":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}' "$i"; done)
printf "\\x$(printf %x $(((${#header} + 1) % 256)))\\x$(printf %x $(((${#header} + 1) / 256)))\\0\\0\\0\\0\\0\\0{%s}" "${header#,}" >many.safetensors
checks=$((checks + 1))
"$norma" summary >/dev/full 2>err
[ $? = 4 ] || fail 'a full disk behind stdout: exit code 4'

"$norma" inspect --json many.safetensors >/dev/full 2>err
holds 'a full disk behind stdout, noticed while printing: exit code 4' [ $? = 4 ]
holds 'which the line says' grep -q '^norma inspect: stdout: writing failed$' err
refuses 3 'a.b: no such file' inspect $'a\nb'  # one line, whatever the name

# A run: one table row an epoch, no control characters when piped, metrics.csv, config.json
"$norma" train "${quick[@]}" --out run >out 2>err
holds 'train: exit code 0' [ $? = 0 ]
holds 'train: says which data' grep -q 'data .*synthetic shapes: 300 training and 300 test images' out
holds 'train: two table rows' [ "$(grep -cE '^ +[12] .*%.*%' out)" = 2 ]
holds 'train: nothing redrawn when piped' bash -c "! grep -q \$'[\\r\\033]' out"
holds 'train: only warnings on stderr' bash -c "! grep -v '^norma: warning: ' err"
holds 'train: columns' \
  [ "$(head -n 1 run/metrics.csv)" = epoch,lr,train_loss,train_acc,test_loss,test_acc ]
holds 'train: two lines of numbers' [ "$(grep -cE '^[12](,[0-9.e+-]+){5}$' run/metrics.csv)" = 2 ]
holds 'train: accuracies from 0 to 1' awk -F, 'NR > 1 && ($4 < 0 || $4 > 1 || $6 < 0 || $6 > 1) { exit 1 }' run/metrics.csv
holds 'train: config' grep -q '"batch_size": 64' run/config.json
holds 'train: environment' grep -q '"compiler": "[A-Z]' run/env.json
holds 'train: command' grep -q 'train --data synthetic --model small .* --out run$' run/command.txt
holds 'train: data wait' grep -qE '^data wait [0-9.]+% of the training time$' out
holds 'train: log' [ "$(grep -cE '^\{"time":"20..-..-..T..:..:..Z","event":"epoch","epoch":[12],.*"data_wait":0[.]' run/log.jsonl)" = 2 ]
holds 'train: weights' [ "$(ls run/weights | tr '\n' ' ')" = 'best.safetensors last.safetensors last.state.safetensors previous-1.safetensors previous-1.state.safetensors ' ]
refuses 2 '--epochs 1: run has 2 epochs done' train --resume run --epochs 1 --override
refuses 2 'run/weights/last.safetensors: does not fit the network cnn, norm batch: load_state_dict: 0.weight is' \
  train --resume run --model cnn --override
refuses 4 'run: already holds a run' train "${quick[@]}" --out run
"$norma" train "${quick[@]}" >/dev/null 2>&1 && "$norma" train "${quick[@]}" >/dev/null 2>&1
holds 'train: numbered run folders' [ -f runs/train-001/metrics.csv ] && holds 'second' [ -f runs/train-002/metrics.csv ]

"$norma" train "${quick[@]}" --out closed >&- 2>err
holds 'stdout closed: exit code 4' [ $? = 4 ]
holds 'stdout closed: what is printed goes into no file of the run' bash -c '! grep -v "^{" closed/log.jsonl'

# The result depends on the seed and on nothing else.
results() { cat "$1/metrics.csv"; }
"$norma" train "${quick[@]}" --threads 1 --out one >/dev/null 2>&1
"$norma" train "${quick[@]}" --threads 8 --out eight >/dev/null 2>&1
"$norma" train "${quick[@]}" --seed 1 --out other >/dev/null 2>&1
holds '1 and 8 threads give the same numbers' [ "$(results one)" = "$(results eight)" ]
holds 'another seed gives others' [ "$(results one)" != "$(results other)" ]

# Divergence: 5, with what there was before it
refuses 5 'diverged at step [0-9]+ of epoch [12] .*: the loss was (nan|inf); try a smaller --lr' \
  train "${quick[@]}" --norm none --lr 1e20 --schedule constant --out wild
refuses 5 'diverged on the test images at the end of epoch 1 .*: the loss was (nan|inf)' \
  train --data synthetic --model small --limit 100 --epochs 1 --lr 1e30 --out wilder
refuses 5 'diverged at step [0-9]+ of epoch 1 .*: layer [0-9]+, BatchNorm2d.* holds NaN or infinity' \
  train "${quick[@]}" --lr 1e38 --schedule constant --out wildest
holds 'diverged: metrics are there' grep -q '^epoch,' wild/metrics.csv

# compare goes on when one run diverges
"$norma" compare "${quick[@]}" --lr 0.05,1e20 --schedule constant --out compared >out 2>err
holds 'compare: exit code 0' [ $? = 0 ]
holds 'compare: four runs' [ "$(grep -cE '^(batch|none) ' out)" = 4 ]
holds 'compare: says where a run diverged' grep -qE '^none .*diverged at step .*: the loss was' out
holds 'compare: config holds both norms' grep -q '"none"' compared/config.json
holds 'compare: csv' [ "$(wc -l <compared/compare.csv)" = 5 ]
"$norma" compare "${quick[@]}" --norm layer,instance,group --lr 0.05 --out family >out 2>err
holds 'compare: the whole family' [ "$(grep -cE '^(layer|instance|group) .*%' out)" = 3 ]

# lint: batch norm that saw 5 batches is warned of, once
"$norma" train "${quick[@]}" --out linted >out 2>err
holds 'lint: few batches' grep -qE '^norma: warning: layer 1, BatchNorm2d.16.: .* saw 5 batches .* 59% .*few-batches' err
holds 'lint: once' [ "$(wc -l <err)" = 1 ]

# frozen batch norm is shown and not trained
"$norma" summary --freeze >out 2>err
holds 'summary: frozen' grep -q 'BatchNorm2d(256, frozen)' out
holds 'summary: trained parameters' grep -qE '^584 042 of 585 450 parameters are trained' out
"$norma" train "${quick[@]}" --freeze-after 1 --out thawed >out 2>err
holds 'freeze-after: in the config' grep -q '"freeze_after": 1' thawed/config.json
# explain checks its own numbers against the layer; docs.sh compares the whole output
"$norma" explain bn >out 2>err
holds 'explain: exit code 0' [ $? = 0 ]
holds 'explain: quiet stderr' [ ! -s err ]
holds 'explain: all numbers agree' [ "$(grep -cE 'agree (to 1e-[56]|exactly): yes$' out)" = 14 ]
holds 'explain: none disagrees' bash -c '! grep -q NO out'
holds 'explain: lines fit' bash -c '! grep -qE "^.{121}" out'

# inspect: a file with a NaN by hand; damaged ones are refused in one line
header='{"__metadata__":{"format":"pt"},"a.weight":{"dtype":"F32","shape":[1,3],"data_offsets":[0,12]}} '
printf '\140\0\0\0\0\0\0\0%s\0\0\200\77\0\0\300\177\0\0\100\100' "$header" >good.safetensors
"$norma" inspect good.safetensors >out 2>err
holds 'inspect: metadata' grep -q 'format = pt' out
holds 'inspect: the tensor' grep -qE '^a.weight +F32 +\(1,3\) +3 +1 +2 +3 +1 +1$' out
holds 'inspect: total' grep -qE '^1 tensors, 3 numbers, 1 of them not finite' out
"$norma" inspect --json good.safetensors >out 2>err
holds 'inspect --json' grep -q '"not_finite": 1' out
head -c 50 good.safetensors >cut.safetensors
refuses 3 '^norma inspect: cut.safetensors: the header would be 96 bytes long, the file has 42' inspect cut.safetensors
refuses 3 'missing.safetensors: no such file' inspect missing.safetensors
refuses 3 ': not a regular file' inspect .
refuses 2 '^norma inspect: file is required' inspect

# summary counts batch norm's parameters
"$norma" summary >out 2>err
holds 'summary: 2C parameters' grep -qE 'BatchNorm2d\(256\) .* 512 ' out
holds 'summary: total' grep -qE 'total +585 450 ' out

finish

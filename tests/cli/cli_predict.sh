#!/usr/bin/env bash
# A trained network in use: norma eval and norma predict. cli_predict.sh PATH-OF-NORMA
# Needs python3 to make images and to read JSON; without it only eval is tested.
# shellcheck source-path=SCRIPTDIR
source "$(dirname "${BASH_SOURCE[0]}")/cli_common.sh"

# works ARGUMENTS...: the command ends with 0 and says nothing on stderr.
works() {
  checks=$((checks + 1))
  "$norma" "$@" >out 2>err </dev/null || fail "norma $*: exit code $?"
  [ ! -s err ] || fail "norma $*: $(cat err)"
}

data=(--data synthetic --limit 300)
"$norma" train "${data[@]}" --model small --epochs 2 --batch-size 32 --out run >/dev/null 2>&1 || fail 'train'
best=run/weights/best.safetensors

# eval says what metrics.csv says for these weights, the best of the run
accuracy=$(awk -F, 'NR > 1 && $6 > best { best = $6 } END { printf "%.2f%%", 100 * best }' run/metrics.csv)
works eval run "${data[@]}"
holds "eval: accuracy $accuracy" grep -q "^result .*accuracy $accuracy\$" out
holds 'eval: the best weights' grep -q "^weights  $best: small, norm batch" out
holds 'eval: ten classes' [ "$(grep -cE '^(disc|ring|square|frame|triangle|plus|star|crescent|bars|half disc) ' out)" = 10 ]
holds 'eval: lines fit' bash -c '! grep -qE "^.{121}" out'
cp out of_folder
works eval $best "${data[@]}" --model small --threads 1
holds 'eval: folder and file, any number of threads, the same' cmp out of_folder
works eval run "${data[@]}" --mirror --out confusion.csv
holds 'eval: mirror is said' grep -q '^result .*, each image with its mirror image$' out
holds 'eval: csv' [ "$(wc -l <confusion.csv)" = 11 ]
holds 'eval: all images in the csv' \
  awk -F, 'NR > 1 { for (i = 2; i <= NF; ++i) n += $i } END { exit n != 300 }' confusion.csv

# What does not fit
refuses 2 '(weights|RUN)' eval
refuses 3 'no/such.safetensors: ' eval no/such.safetensors
mkdir empty && echo text >text.safetensors
refuses 3 'empty: holds neither weights/best.safetensors nor weights/last' eval empty "${data[@]}"
refuses 3 'text.safetensors: ' eval text.safetensors "${data[@]}"
refuses 2 "--model cnn: $best tells small" eval run "${data[@]}" --model cnn
refuses 2 'not expected: ' eval run "${data[@]}" --image-size 48  # the weights tell it
refuses 2 "--classes 7: $best tells 10" eval run "${data[@]}" --classes 7
refuses 2 '--mean, --deviation: .* tells them' eval run "${data[@]}" --mean 0,0,0 --deviation 1,1,1
refuses 4 'no/such.csv: cannot be opened' eval run "${data[@]}" --out no/such.csv
head -c 5000 $best >short.safetensors
refuses 3 'short.safetensors: ' eval short.safetensors "${data[@]}"
mkdir -p last/weights && cp $best last/weights/last.safetensors
works eval last "${data[@]}"
holds 'eval: last where there is no best' grep -q '^weights  last/weights/last.safetensors' out
refuses 2 'images on standard input is empty' predict run
refuses 2 "--top: must be a whole number from 1 .*'0'" predict run x.png --top 0

command -v python3 >/dev/null || finish

# Files as PyTorch writes them, without Norma's metadata, and with others
python3 - $best <<'END'
import json, struct, sys
data = open(sys.argv[1], 'rb').read()
size = struct.unpack('<Q', data[:8])[0]
header, numbers = json.loads(data[8:8 + size]), data[8 + size:]
def write(path, change):
    new = json.loads(json.dumps(header))
    change(new)
    text = json.dumps(new).encode()
    text += b' ' * (-len(text) % 8)
    open(path, 'wb').write(struct.pack('<Q', len(text)) + text + numbers)
write('torch.safetensors', lambda h: h.update(__metadata__={'format': 'pt'}))
write('wide.safetensors', lambda h: h['__metadata__'].update(model='cnn'))
write('seven.safetensors', lambda h: h['__metadata__'].update(classes='a,b,c,d,e,f,g'))
write('names.safetensors', lambda h: h['__metadata__'].update(classes='a,b,c,d,e,f,g,h,i,j'))
write('norm.safetensors', lambda h: h['__metadata__'].update(deviation='0,0,0'))
write('large.safetensors', lambda h: h['__metadata__'].update(image='3,20000,20000'))
write('small.safetensors', lambda h: h['__metadata__'].update(image='3,4,4'))
write('escape.safetensors', lambda h: h['__metadata__'].update(classes='a,\x1b[31mb,c,d,e,f,g,h,i,j'))
write('incomplete.safetensors', lambda h: h['__metadata__'].pop('image'))
# A classifier of seven classes: fewer rows of the last weight and bias
few, packed = {'__metadata__': dict(header['__metadata__'], classes='a,b,c,d,e,f,g')}, b''
for name, t in header.items():
    if name == '__metadata__': continue
    part = numbers[t['data_offsets'][0]:t['data_offsets'][1]]
    if t['shape'] and t['shape'][0] == 10:
        part, t['shape'][0] = part[:len(part) * 7 // 10], 7
    few[name] = dict(t, data_offsets=[len(packed), len(packed) + len(part)])
    packed += part
text = json.dumps(few).encode()
text += b' ' * (-len(text) % 8)
open('few.safetensors', 'wb').write(struct.pack('<Q', len(text)) + text + packed)
END
told=(--model small --norm batch --classes 10)
refuses 2 'torch.safetensors: does not tell what network it holds.*--model, --norm and --classes' eval torch.safetensors
works eval torch.safetensors "${data[@]}" "${told[@]}"
holds 'eval: the same of a file without metadata' grep -q "^result .*accuracy $accuracy\$" out
refuses 3 'torch.safetensors: does not fit .* 7 classes: .*\(7,64\).*\(10,64\)' \
  eval torch.safetensors "${data[@]}" --model small --norm batch --classes 7
refuses 3 'does not fit the network cnn.*: 0.weight is \(32,3,3,3\) here and \(16,3,3,3\)' eval wide.safetensors "${data[@]}"
refuses 3 'seven.safetensors: does not fit .*7 classes' eval seven.safetensors "${data[@]}"
refuses 3 'few.safetensors: the network knows 7 classes, the data .synthetic shapes. has 10' eval few.safetensors "${data[@]}"
refuses 0 'warning: .* a, b, c, d, .* disc, ring, ' eval names.safetensors "${data[@]}"
refuses 3 'norm.safetensors: metadata: deviation must be positive, got 0' eval norm.safetensors "${data[@]}"
refuses 3 'large.safetensors: metadata: image must be a whole number from 1 to 16384, got .20000' predict large.safetensors a.png
refuses 2 'synthetic: is 32x32, only pictures of an image folder become 4x4' eval small.safetensors "${data[@]}"
refuses 3 'escape.safetensors: metadata: the class name .*b. holds control characters' eval escape.safetensors "${data[@]}"
refuses 3 'incomplete.safetensors: metadata: image is missing' eval incomplete.safetensors "${data[@]}"
works eval run "${data[@]}" --json
holds 'eval: json' python3 -c '
import json
e = json.load(open("out"))
assert e["images"] == 300 and len(e["classes"]) == 10
assert sum(map(sum, e["confusion"])) == 300
assert abs(sum(e["confusion"][i][i] for i in range(10)) / 300 - e["accuracy"]) < 1e-9'

# Images: large, small, of any ratio of sides, and damaged ones
python3 - <<'END'
import random, struct, zlib
random.seed(1)
def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
def png(width, height, rows):
    return (b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)) +
            chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b''))
def noise(width, height):
    return b''.join(b'\0' + random.randbytes(3 * width) for _ in range(height))
for name, width, height in [('a', 32, 32), ('wide', 300, 40), ('tall', 5, 90), ('one', 1, 1), ('strip', 3000, 1)]:
    open(name + '.png', 'wb').write(png(width, height, noise(width, height)))
open('huge.png', 'wb').write(png(20000, 20000, b''))
open('cut.png', 'wb').write(open('wide.png', 'rb').read()[:3000])
END
echo text >text.png
mkdir folder.png
good=(a.png wide.png tall.png one.png strip.png)
works predict run "${good[@]}"
holds 'predict: a line for each' [ "$(grep -cE '^[a-z]+\.png:( [a-z ]+ [0-9.]+%,){2} [a-z ]+ [0-9.]+%$' out)" = 5 ]
works predict run "${good[@]}" --top 99 --mirror
holds 'predict: no more classes than there are' [ "$(head -n 1 out | tr -cd % | wc -c)" = 10 ]
works predict run a.png --top 1
holds 'predict: top 1' grep -qE '^a.png: [a-z ]+ [0-9.]+%$' out
works predict run "${good[@]}" --json --top 10
cp out together
holds 'predict: json' python3 -c '
import json
lines = [json.loads(line) for line in open("out")]
assert [line["path"] for line in lines] == "a.png wide.png tall.png one.png strip.png".split()
for line in lines:
    p = [c["probability"] for c in line["top"]]
    assert len(p) == 10 and p == sorted(p, reverse=True) and abs(sum(p) - 1) < 1e-9'
for image in "${good[@]}"; do "$norma" predict run $image --json --top 10; done >alone 2>&1
holds 'predict: alone as in company, to the last digit' cmp alone together
printf '%s\r\n\n' "${good[@]}" | "$norma" predict run --json --top 10 >listed 2>&1
holds 'predict: a list on standard input' cmp listed together
printf 'wide.png\ntall.png\none.png' | "$norma" predict run a.png - strip.png --json --top 10 >listed 2>&1
holds 'predict: a list among others' cmp listed together
for _ in $(seq 70); do echo a.png; done | "$norma" predict run >many 2>&1
holds 'predict: more than a batch' [ "$(sort -u many | wc -l) $(wc -l <many)" = '1 70' ]

checks=$((checks + 1))
"$norma" predict run a.png cut.png text.png huge.png folder.png no.png wide.png >out 2>err </dev/null
[ $? = 3 ] || fail 'predict: damaged images: exit code 3'
holds 'predict: the others are predicted' [ "$(cut -d: -f1 out | paste -sd' ')" = 'a.png wide.png' ]
holds 'predict: a line for each damaged one' \
  [ "$(cut -d: -f1,2 err | paste -sd' ')" = "$(printf 'norma predict: %s.png ' cut text huge folder no | sed 's/ $//')" ]
refuses 2 'torch.safetensors: does not tell how images were normalised' predict torch.safetensors "${told[@]}" a.png
refuses 3 'small.safetensors: layer 8, MaxPool2d.*does not fit the image' predict small.safetensors a.png
cp a.png $'new\nline.png'
works predict run $'new\nline.png'
holds 'predict: a line for each image, whatever its name' grep -q '^new?line.png: ' out
refuses 2 '--mean, --deviation: need 3 numbers each, got 1 and 3' \
  predict torch.safetensors "${told[@]}" a.png --mean 0.5 --deviation 1,1,1
works predict torch.safetensors "${told[@]}" --mean 0.5,0.5,0.5 --deviation 0.2,0.2,0.2 a.png
holds 'predict: classes without names' grep -q '^a.png: class [0-9] ' out
finish

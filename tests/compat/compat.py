#!/usr/bin/env python3
"""What users of earlier versions have keeps working: compat.py NORMA

resumes the runs in this folder's VERSION/ (made by that version, stopped half way), evaluates their weights and looks at
a picture with them. What comes out must be what that version itself got when nobody stopped it, kept in expected.json.
Floats depend on the processor and the compiler. So the bits must be the same where env.json names the same compiler,
flags and vectors as that of VERSION/; elsewhere the losses must be near and the tables must have the same shape.

    compat.py NORMA --make       writes VERSION/ anew, with the NORMA of that version
"""
import hashlib
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

HERE = Path(__file__).resolve().parent
SPEED = ["--threads", "1"]
TRAININGS = {
    "linear": "train --data images --image-size 8 --model linear --epochs 60 --batch-size 4 --lr 0.005 --save-every 3",
    "small": "train --data synthetic --limit 128 --model small --epochs 3 --batch-size 32 --freeze-after 2 --save-every 1",
}
LAB = "lab modes --data synthetic --scale 0.01"
KEPT_JOBS = ("while training, seed 0", "after training")  # the others are for the resumed lab to do
failures = 0


def expect(ok, what):
    global failures
    if not ok:
        failures += 1
        print("FAILED:", what, flush=True)


def png(pixels, side):
    """An RGB picture as PNG, written here so that no library decides about its bytes."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    lines = b"".join(b"\0" + pixels[3 * side * y:3 * side * (y + 1)] for y in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def make_images(root):
    """Two classes of 8x8 pictures: brighter to the right, and brighter downwards, each with a pattern of its own."""
    for split, count in (("train", 24), ("test", 4)):
        for kind in range(2):
            folder = root / split / ("right", "down")[kind]
            folder.mkdir(parents=True)
            for i in range(count):
                pixels = bytes((20 * (k // 3 % 8, k // 24)[kind] + (k * k + 7 * k + 31 * i) % 97) % 256 for k in range(192))
                (folder / f"{i}.png").write_bytes(png(pixels, 8))


class Norma:
    def __init__(self, program):
        self.program = program
        self.env = dict(os.environ, OMP_WAIT_POLICY="passive")
        self.env.pop("NORMA_DATA", None)

    def start(self, *words):
        return subprocess.Popen([self.program, *map(str, words)], env=self.env, text=True, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def run(self, *words):
        process = self.start(*words)
        out, err = process.communicate(timeout=300)
        expect(process.returncode == 0, f"norma {' '.join(map(str, words))}: exit code {process.returncode}: {err}")
        return out

    def read(self, *words):
        """What `norma eval|predict --json` prints."""
        out = self.run(*words, "--json")
        return json.loads(out) if out else None


def tensors(file):
    """SHA-256 of the numbers in a safetensors file, without the header, which may name a version."""
    content = file.read_bytes()
    return hashlib.sha256(content[8 + struct.unpack("<Q", content[:8])[0]:]).hexdigest()


def summary(table):
    text = table.read_text()
    return [hashlib.sha256(text.encode()).hexdigest(), text.count("\n"), text.splitlines()[0]]


def build_of(run):
    env = json.loads((run / "env.json").read_text())
    return [env[key] for key in ("compiler", "flags", "eigen", "simd")]


def looked_at(norma, name, run):
    """What eval and predict say of a finished or unfinished run's last weights."""
    weights = run / "weights" / "last.safetensors"
    data = TRAININGS[name].split()[2]
    seen = [norma.read("eval", weights, "--data", data, "--limit", 128, *SPEED),
            norma.read("predict", weights, "images/test/down/0.png", *SPEED)]
    if seen[0]:
        del seen[0]["file"]  # its path
    return seen


def near(old, new, what):
    """Everything that `old` says, `new` says too, numbers but for rounding."""
    if isinstance(old, dict):
        for key, value in old.items():
            near(value, new.get(key) if isinstance(new, dict) else None, f"{what}.{key}")
    elif isinstance(old, list):
        expect(isinstance(new, list) and len(old) == len(new), f"{what}: {new} instead of {old}")
        for i, (a, b) in enumerate(zip(old, new or [])):
            near(a, b, f"{what}[{i}]")
    elif isinstance(old, float):
        expect(isinstance(new, (int, float)) and abs(old - new) <= 1e-3 * max(1, abs(old)), f"{what}: {new} instead of {old}")
    else:
        expect(old == new, f"{what}: {new} instead of {old}")


def similar(old, new, what, tolerance):
    """Tables from another kind of processor: the same lines and columns, and numbers as near as `tolerance`."""
    lines = list(zip(old.splitlines(), new.splitlines()))
    expect(len(old.splitlines()) == len(new.splitlines()) and lines[0][0] == lines[0][1], f"{what}: another shape")
    for a, b in lines[1:]:
        pairs = zip(map(float, a.split(",")), map(float, b.split(",")))
        expect(all(abs(x - y) <= tolerance for x, y in pairs), f"{what}: '{b}' instead of '{a}'")


def stop_half_way(norma, command, run, rows):
    """Starts a training and ends it with SIGTERM when metrics.csv has `rows` rows."""
    while True:
        shutil.rmtree(run, ignore_errors=True)
        process = norma.start(*command, "--out", run)
        metrics = run / "metrics.csv"
        while process.poll() is None and not (metrics.exists() and len(metrics.read_text().splitlines()) > rows):
            time.sleep(0.001)
        process.send_signal(signal.SIGTERM)
        process.communicate()
        if process.returncode == 143:
            return


def keep(run, target, names):
    shutil.rmtree(target, ignore_errors=True)
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(run / name, target / name)


def make(norma):
    version = norma.run("--version").split()[1]
    folder = HERE / version
    expected = {}
    for name, command in TRAININGS.items():
        whole, half = Path(f"{name}-whole"), Path(name)
        norma.run(*command.split(), *SPEED, "--out", whole)
        stop_half_way(norma, command.split() + SPEED, half, rows={"linear": 20, "small": 1}[name])
        keep(half, folder / name, ["config.json", "env.json", "command.txt", "log.jsonl", "metrics.csv",
                                   "weights/last.safetensors", "weights/last.state.safetensors"])
        expected[name] = {"metrics": (whole / "metrics.csv").read_text(),
                          "weights": tensors(whole / "weights" / "last.safetensors"), "seen": looked_at(norma, name, half)}
    lab = Path("lab")
    norma.run(*LAB.split(), *SPEED, "--out", lab)
    keep(lab, folder / "lab", ["config.json", "env.json", "command.txt", "log.jsonl"])
    jobs = (lab / "jobs.jsonl").read_text().splitlines(keepends=True)
    (folder / "lab" / "jobs.jsonl").write_text("".join(line for line in jobs if any(job in line[:80] for job in KEPT_JOBS)))
    expected["lab"] = {path.name: summary(path) for path in sorted(lab.glob("*.csv"))}
    (folder / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


def check_training(norma, folder, name, expected, same_build):
    def resumed(what, change=lambda config: None):
        run = Path(f"{folder.name}-{name}-{what}")
        shutil.copytree(folder / name, run)
        config = json.loads((run / "config.json").read_text())
        change(config)
        (run / "config.json").write_text(json.dumps(config))
        norma.run("train", "--resume", run, *SPEED)
        metrics = (run / "metrics.csv").read_text()
        if same_build:
            expect(metrics == expected["metrics"], f"{run}: metrics.csv is not that of {folder.name}")
            expect(tensors(run / "weights" / "last.safetensors") == expected["weights"], f"{run}: other weights")
        else:
            similar(expected["metrics"], metrics, f"{run}/metrics.csv", 0.25)

    near(expected["seen"], looked_at(norma, name, folder / name), f"{folder.name}/{name}")
    resumed("resumed")
    # A key that is missing means what that version did without the option.
    resumed("without-keys", lambda config: [config.pop(key) for key in ("label_smoothing", "norm", "augment")])


def check_lab(norma, folder, expected, same_build):
    lab = Path(f"{folder.name}-lab")
    shutil.copytree(folder / "lab", lab)
    norma.run("lab", "--resume", lab, *SPEED)
    for name, old in expected.items():
        new = summary(lab / name) if (lab / name).exists() else None
        expect(new == old or (not same_build and new and new[1:] == old[1:]), f"{lab}/{name} is not that of {folder.name}")


def check(norma, folder):
    expected = json.loads((folder / "expected.json").read_text())
    norma.run("train", *"--data images --image-size 8 --model linear --epochs 1 --out probe".split())
    same_build = build_of(Path("probe")) == build_of(folder / "linear")
    print(f"{folder.name}: {'the same bits are expected' if same_build else 'another build: near is enough'}")
    for name in TRAININGS:
        check_training(norma, folder, name, expected[name], same_build)
    check_lab(norma, folder, expected["lab"], same_build)


def main():
    norma = Norma(os.path.abspath(sys.argv[1]))
    with tempfile.TemporaryDirectory(prefix="norma_compat_") as work:
        os.chdir(work)
        make_images(Path("images"))
        if sys.argv[2:] == ["--make"]:
            make(norma)
        else:
            for expected in sorted(HERE.glob("*/expected.json")):
                check(norma, expected.parent)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()

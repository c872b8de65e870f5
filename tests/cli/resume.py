#!/usr/bin/env python3
"""A training that is interrupted at any moment ends as if it had not been.

    resume.py NORMA SHIM [--kills 50] [--in-window 20] [--terms 10] [--seed 0]

trains a small net without interruption, and then --kills times with kill -9 at a random moment (--in-window of them at a
random system call of saving, by tests/crash_shim.cpp) and --terms times with SIGTERM. Every run is resumed, and killed
again now and then, until it is done. The weights, the state and metrics.csv must then be those of the first run, bit
for bit. Before that: damaged files, a full disk, a vanished and a read-only folder, changed options. SHIM may be ''.
"""
import argparse
import collections
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRAIN = ("--data synthetic --model small --limit 120 --epochs 3 --batch-size 15 --freeze-after 2 --save-every 2 --threads 1").split()
LONG = ["9" if before == "--epochs" else word for before, word in zip([""] + TRAIN, TRAIN)]
RESULTS = ["weights/last.safetensors", "weights/last.state.safetensors", "weights/best.safetensors", "metrics.csv"]
Done = collections.namedtuple("Done", "code out err")
checks = failures = 0


def expect(ok, what):
    global checks, failures
    checks += 1
    if not ok:
        failures += 1
        print("FAILED:", what, flush=True)


class Norma:
    def __init__(self, program, shim):
        self.program, self.shim = program, shim
        self.identity = {}  # of the processes, as subprocess takes it

    def start(self, *words, **shim):
        env = dict(os.environ, OMP_WAIT_POLICY="passive")
        if shim:
            env.update({"SHIM_" + key: str(value) for key, value in shim.items()}, LD_PRELOAD=self.shim)
        return subprocess.Popen([self.program, "train", *words], env=env, text=True, errors="replace", stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **self.identity)

    def run(self, *words, **shim):
        process = self.start(*words, **shim)
        out, err = process.communicate(timeout=300)
        lines = [line for line in err.splitlines() if "few-batches" not in line]
        return Done(process.returncode, out, "\n".join(lines))


def digests(run):
    return {name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in RESULTS}


def fresh(name):
    shutil.rmtree(name, ignore_errors=True)
    return Path(name)


class Reference:
    """The training that nobody disturbs."""

    def __init__(self, norma):
        self.run = Path("reference")
        begin = time.monotonic()
        done = norma.run(*TRAIN, "--out", self.run)
        self.seconds = time.monotonic() - begin
        expect((done.code, done.err) == (0, ""), f"reference: {done}")
        self.digests = digests(self.run)
        self.calls = 0
        if norma.shim:
            norma.run(*TRAIN, "--out", fresh("counted"), COUNT="calls")
            self.calls = int(Path("calls").read_text())

    def same(self, run, what):
        ok = digests(run) == self.digests
        expect(ok, f"{what}: not the bits of the uninterrupted run")
        for line in (run / "log.jsonl").read_text().splitlines():
            json.loads(line)
        expect(not [path for path in run.rglob("*") if ".tmp-" in path.name or "next" in path.name], f"{what}: left over")
        return ok


def resume_to_the_end(norma, reference, run, what):
    done = norma.run("--resume", run)
    expect(done.code == 0, f"{what}: {done}")
    return done.code == 0 and reference.same(run, what)


def interrupt(norma, reference, dice, words, how):
    """One process and its end; its exit code."""
    if how == "window":
        return norma.run(*words, KILL=dice.randint(1, reference.calls)).code
    process = norma.start(*words)
    time.sleep(dice.uniform(0, reference.seconds))
    process.send_signal(signal.SIGTERM if how == "term" else signal.SIGKILL)
    _, err = process.communicate(timeout=300)
    if process.returncode == 143:
        expect(re.search("^norma train: SIGTERM at .*, saved; go on with: norma train --resume ", err, re.M), err)
    return process.returncode


def interrupted_run(norma, reference, dice, how):
    """Interrupts a run once or more, then lets it end."""
    run = fresh("run")
    hits, keep = 0, dice.choice("123")
    while True:
        began = (run / "config.json").exists()
        if not began:
            fresh(run)
        words = ["--resume", run] if began else [*TRAIN, "--keep", keep, "--out", run]
        if hits == 0 or (hits < 4 and dice.random() < 0.5):
            code = interrupt(norma, reference, dice, words, how)
        else:
            code = norma.run(*words).code
        expect(code in {0, -9, -15, 143}, f"{how}: exit code {code}")
        if code not in {0, -9, -15, 143}:
            return False
        if code != 0:
            hits += 1
        elif hits > 0:
            return reference.same(run, how)
        else:
            fresh(run)  # done before it was hit


def copy_of(reference):
    run = fresh("run")
    shutil.copytree(reference.run, run)
    return run


def flip(file, place=-20):
    data = bytearray(file.read_bytes())
    data[place] ^= 1
    file.write_bytes(data)


def damaged_files(norma, reference):
    previous = "weights/previous-1.safetensors"
    for name in ["last.safetensors", "last.state.safetensors"]:
        for what, damage in [("flipped", flip), ("cut", lambda file: os.truncate(file, file.stat().st_size // 2)),
                             ("flipped in the header", lambda file: flip(file, 150)), ("gone", os.unlink)]:
            run = copy_of(reference)
            damage(run / "weights" / name)
            done = norma.run("--resume", run)
            line = re.search("^resume .*$", done.out, re.M)
            expect(done.code == 0 and line and "of epoch 3" in line[0] and "previous-1" in line[0],
                   f"{name} {what}: {done}")
            reference.same(run, f"{name} {what}")
    run = copy_of(reference)
    for name in ["last.safetensors", "previous-1.state.safetensors"]:
        flip(run / "weights" / name)
    done = norma.run("--resume", run)
    expect(done.code == 3 and done.err.count("\n") == 0 and "previous-1.state.safetensors: " in done.err, done)
    expect((run / previous).exists(), "nothing is removed")
    for text in ["", "{", '{"verb": "compare"}', '{"verb": "train", "epochs": -1}', "[]", "\xff"]:
        (run / "config.json").write_text(text, encoding="latin-1")
        done = norma.run("--resume", run)
        expect(done.code == 3 and re.fullmatch("norma train: run/config.json: .*", done.err), f"{text}: {done}")


def changed_options(norma, reference):
    run = copy_of(reference)
    before = (run / "config.json").read_bytes()
    done = norma.run("--resume", run, "--lr", "0.1", "--keep", "2")
    expect((done.code, done.err) == (2, "norma train: --lr 0.1 was given, but run was trained with 0.2; leave it out, or "
                                        "add --override"), done)
    expect(norma.run("--resume", run, "--lr", "0.2").code == 0, "the same value is no change")
    expect("all 3 epochs are done" in norma.run("--resume", run).out and reference.same(run, "a finished run"), "finished")
    expect((run / "config.json").read_bytes() == before, "config.json stays")
    done = norma.run("--resume", run, "--limit", "90", "--override")
    expect(done.code == 3 and "was trained on synthetic shapes: 120 training" in done.err, done)
    done = norma.run("--resume", run, "--epochs", "4", "--override")
    expect(done.code == 0 and json.loads((run / "config.json").read_text())["epochs"] == 4, done)
    expect(len((run / "metrics.csv").read_text().splitlines()) == 5, "four epochs")
    expect(norma.run("--resume", "reference", "--out", "other").code == 2, "--out excludes --resume")
    expect(norma.run("--override").code == 2, "--override needs --resume")


def disk_trouble(norma, reference):
    """A full disk for a while, then to the end; a small one."""
    if norma.shim:
        middle, last = reference.calls // 2, 10 ** 9
        done = norma.run(*TRAIN, "--out", fresh("run"), FULL=f"{middle},{middle + 2}")
        expect(done.code == 0 and re.fullmatch("norma: warning: .*No space left on device; training goes on, the last "
                                               "checkpoint is that of .*", done.err), done)
        reference.same(Path("run"), "the disk was full for a while")
        done = norma.run(*TRAIN, "--out", fresh("run"), FULL=f"{middle},{last}")
        lines = done.err.splitlines()
        expect(done.code == 4 and len(lines) == 2 and "the last good checkpoint is that of" in lines[-1], done)
        resume_to_the_end(norma, reference, Path("run"), "the disk was full to the end")
    small_disk(norma, reference)


def long_run(norma, parent="."):
    """A training with a checkpoint behind it and most epochs ahead."""
    run = fresh(Path(parent) / "run")
    process = norma.start(*LONG, "--out", run)
    while process.poll() is None and not (run / "weights/previous-1.safetensors").exists():
        time.sleep(0.005)
    return run, process


def goes_on_and_says_so(process, reason, what):
    """What is expected of a training that cannot save any more: a warning, the other epochs, code 4."""
    out, err = process.communicate(timeout=300)
    lines = [line for line in err.splitlines() if "few-batches" not in line]
    expect(process.returncode == 4 and len(lines) == 2 and re.search(reason, lines[0]) and
           re.search("the last good checkpoint is that of .*: go on with norma train --resume ", lines[1]) and
           re.search("^    9 ", out, re.M), f"{what}: {process.returncode}: {err}")


def last_checkpoint_loads(norma, run, what):
    done = norma.run("--resume", run)
    expect(done.code == 0 and re.search("^resume  from .* of epoch .*, with .*last.safetensors$", done.out, re.M) and
           len((run / "metrics.csv").read_text().splitlines()) == 10, f"{what}: {done}")


def vanished_folder(norma, reference):
    run, process = long_run(norma)
    second = norma.run("--resume", run)
    expect(second.code == 4 and "another process is training in this folder" in second.err, second)
    run.rename(fresh("gone"))
    goes_on_and_says_so(process, "run/.*: No such file or directory; training goes on", "a folder moved away")
    last_checkpoint_loads(norma, Path("gone"), "a folder moved away")
    run, process = long_run(norma)
    while run.exists():
        shutil.rmtree(run, ignore_errors=True)
    goes_on_and_says_so(process, "run/.*: No such file or directory; training goes on", "a folder removed")


def read_only_folder(norma, reference):
    parent = fresh("modes")
    parent.mkdir()
    if os.geteuid() == 0:  # whom modes do not bind
        os.chmod(".", 0o755)
        os.chown(parent, 65534, 65534)
        norma.identity = {"user": 65534, "group": 65534, "extra_groups": []}
    try:
        if norma.run("--help").code != 0:
            raise PermissionError("norma")
    except PermissionError:
        print("skipped: a read-only folder (another user cannot run norma here)")
        norma.identity = {}
        return
    run, process = long_run(norma, parent)
    os.chmod(run / "weights", 0o555)
    os.chmod(run, 0o555)
    goes_on_and_says_so(process, "run/.*: Permission denied; training goes on", "a read-only folder")
    done = norma.run("--resume", run)
    expect(done.code == 4 and re.fullmatch("norma train: modes/run/.*: Permission denied", done.err), done)
    done = norma.run(*TRAIN, "--out", run / "deeper")
    expect(done.code == 4 and re.fullmatch("norma train: modes/run/deeper: cannot make .*: Permission denied", done.err), done)
    os.chmod(run, 0o755)
    os.chmod(run / "weights", 0o755)
    last_checkpoint_loads(norma, run, "a read-only folder")
    norma.identity = {}


def small_disk(norma, reference):
    disk = Path("disk")
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", disk], capture_output=True).returncode != 0:
        print("skipped: a small disk (mount is not allowed)")
        return
    try:
        done = norma.run(*TRAIN, "--keep", "9", "--out", disk / "run")
        expect(done.code == 4 and "No space left on device" in done.err.splitlines()[-1], done)
        shutil.copytree(disk / "run", fresh("run"))
    finally:
        subprocess.run(["umount", disk], check=True)
    resume_to_the_end(norma, reference, Path("run"), "a small disk")


def signals(norma, reference):
    run = fresh("run")
    process = norma.start(*TRAIN, "--out", run)
    while process.poll() is None and not (run / "weights").exists():
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    expect(process.returncode == 130 and "norma train: SIGINT at " in err, f"{process.returncode}: {err}")
    resume_to_the_end(norma, reference, run, "SIGINT")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("norma", type=os.path.abspath)
    parser.add_argument("shim", type=lambda path: os.path.abspath(path) if path else "")
    for name, default in [("--kills", 50), ("--in-window", 20), ("--terms", 10), ("--seed", 0)]:
        parser.add_argument(name, type=int, default=default)
    args = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # not ignored, as in a background job
    norma, dice = Norma(args.norma, args.shim), random.Random(args.seed)
    with tempfile.TemporaryDirectory() as work:
        os.chdir(work)
        reference = Reference(norma)
        for part in [damaged_files, changed_options, disk_trouble, vanished_folder, read_only_folder, signals]:
            part(norma, reference)
        in_window = args.in_window if args.shim else 0
        plan = ["window"] * in_window + ["kill"] * (args.kills - in_window) + ["term"] * args.terms
        same = collections.Counter(how for how in plan if interrupted_run(norma, reference, dice, how))
        os.chdir("/")
    print(f"{sum(same.values())} of {len(plan)} interrupted runs end with the bits of the uninterrupted one: "
          f"{same['kill']} after kill -9 at a random moment, {same['window']} in the saving window, {same['term']} after "
          f"SIGTERM; {checks} checks, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

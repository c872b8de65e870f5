#!/usr/bin/env python3
"""Numbers in the sources that were found by trying: tries other values and prints a table.

    tests/bench/found_numbers.py BUILD [NAME ...] [--rounds N]     all of NUMBERS unless some are named
    tests/bench/found_numbers.py BUILD --smoke                     is each number where this file says, and does it run?

For each value, the files that use it are compiled from a copy with the value in it, and the program that measures is
linked with them. The programs of all values run in turn, N rounds; the table has medians. BUILD is a build folder made
with Ninja; nothing in it or in the sources is changed.
"""
import argparse
import os
import pathlib
import re
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WINOGRAD, DIRECT, CONV = "layers/fast/conv2d_winograd.cpp", "layers/fast/conv2d_direct.cpp", "layers/conv2d.cpp"
PANELS, KERNELS, NORM = "layers/fast/conv2d_panels.h", "layers/fast/conv2d_kernels.h", "layers/fast/batch_norm_relu.cpp"
# program: which of its lines has numbers, and their meaning
PROGRAMS = {
    "train_step": (r"^([\d.]+) \d+$", ["ms per step"]),
    "bench_ops": (r"^conv2d\S* +([\d.]+) ms", ["ms"]),
    "norma_fast_tests": (r"y ([\d.]+), dx ([\d.]+), dweight ([\d.]+)", ["error of y", "dx", "dweight"]),
}
BENCH, SMALL = "train_step bench 128 2 7", "train_step cnn 32 2 15"
LARGE = "bench_ops --benchmark_filter=conv2d/in:256/.*/backward:1/reference:0"
DEFINITION = "bench_ops --benchmark_filter=conv2d/in:64/out:64/.*/backward:0/reference:1"
ERRORS = "norma_fast_tests --gtest_filter=FastConv2d.ErrorIs*"  # the worst, in units of the definition's
# name: its file, the text with {} for the number, the number, others to try, the files to compile, what to run
NUMBERS = {
    "group_bytes": (WINOGRAD, "kCacheBytes = {} << 10;", "384", ("96", "1536"), [WINOGRAD], [BENCH]),
    "group_tiles": (WINOGRAD, "kMostTiles = {};", "72", ("24", "144"), [WINOGRAD], [BENCH]),
    "gradient_tiles": (WINOGRAD, "kTilesOfGradient = {},", "48", ("16", "96"), [WINOGRAD], [BENCH]),
    "large_gradient_tiles": (WINOGRAD, "kTilesOfLargeGradient = {},", "96", ("48", "192"), [WINOGRAD], [LARGE]),
    "short_sum": (WINOGRAD, "kShortSum = {},", "16", ("8", "1024"), [WINOGRAD], [BENCH, ERRORS]),
    "long_sum": (WINOGRAD, "kLongSum = {};", "32", ("16", "1024"), [WINOGRAD], [BENCH, ERRORS]),
    "direct_sum": (DIRECT, "kTermsPerSum = {};", "64", ("16", "4096"), [DIRECT], [BENCH, ERRORS]),
    "tile_rows": (PANELS, "kVectorBytes == 64 ? {} : 6;", "8", ("4", "12"), [WINOGRAD, DIRECT], [BENCH]),
    "winograd_channels": (KERNELS, "kWinogradChannels = {};", "8", ("1", "48"), ["layers/fast/kernels.cpp"], [BENCH]),
    "prefetch": (NORM, "__builtin_prefetch(dz + {} + c)", "1024", ("0", "8192"), [NORM], [BENCH]),
    "patch_rows": (CONV, "std::min<Index>({}, (1 << 20)", "512", ("128", "2048"), [CONV], [DEFINITION]),
    "patch_bytes": (CONV, "(1 << {}) / (patch()", "20", ("18", "22"), [CONV], [DEFINITION]),
    "big_block": ("core/storage.cpp", "kBigBlock = {} << 10;", "16", ("4", "512"), ["core/storage.cpp"], [SMALL]),
}


def program_with(build, work, name, value, program):
    """Builds `program` with another value of the number; returns its path."""
    file, text, number, _, units, _ = NUMBERS[name]
    commands = subprocess.run(["ninja", "-t", "commands", program], cwd=build, text=True, check=True,
                              stdout=subprocess.PIPE).stdout.splitlines()
    if value == number:
        return os.path.join(build, re.search(r" -o (\S+) ", commands[-1])[1])
    folder = os.path.join(work, f"{name}_{value}")
    patched = pathlib.Path(folder, "norma", file)
    patched.parent.mkdir(parents=True, exist_ok=True)
    patched.write_text(pathlib.Path(ROOT, file).read_text().replace(text.format(number), text.format(value)))
    objects = [os.path.join(folder, os.path.basename(unit) + ".o") for unit in units]
    for unit, made in zip(units, objects):
        words = shlex.split(next(c for c in commands if c.endswith(f"-c {ROOT}/{unit}")))
        words[words.index("-o") + 1], words[words.index("-MF") + 1] = made, made + ".d"
        if unit == file:
            words[-1] = str(patched)
        words.insert(next(i for i, word in enumerate(words) if word.startswith("-I")), "-I" + folder)
        if not os.path.exists(made):
            subprocess.run(words, cwd=build, check=True)
    result = os.path.join(folder, program)
    link = re.sub(r" -o \S+ ", f" -o {result} {' '.join(objects)} ", commands[-1], count=1)
    subprocess.run(link, cwd=build, check=True, shell=True)
    return result


def measured(program, arguments):
    """What the program prints, and the seconds of processor time it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    text = subprocess.run([program, *arguments], text=True, stdout=subprocess.PIPE).stdout  # a test may fail
    seconds = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    return (*map(float, re.search(PROGRAMS[os.path.basename(program)][0], text, re.MULTILINE).groups()), seconds)


def print_table(build, work, name, values, rounds, command):
    program, *arguments = command.split()
    built = {value: program_with(build, work, name, value, program) for value in values}
    runs = {value: [] for value in values}
    for _ in range(1 if command == ERRORS else rounds):  # errors do not vary
        for value in values:
            runs[value].append(measured(built[value], arguments))
    print(f"{name} ({command})", *PROGRAMS[program][1], "processor s", sep=" | ")
    for value in values:
        medians = (f"{statistics.median(column):.4g}" for column in zip(*runs[value]))
        print(value + " (in use)" * (value == NUMBERS[name][2]), *medians, sep=" | ", flush=True)


parser = argparse.ArgumentParser()
parser.add_argument("build")
parser.add_argument("names", nargs="*", metavar="NAME")
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--smoke", action="store_true")
options = parser.parse_intermixed_args()
names = options.names or list(NUMBERS)
for name, (file, text, number, _, _, _) in NUMBERS.items():
    if pathlib.Path(ROOT, file).read_text().count(text.format(number)) != 1:
        sys.exit(f"{name}: '{text.format(number)}' does not stand once in {file}")
with tempfile.TemporaryDirectory() as work:
    if options.smoke:
        print_table(options.build, work, "big_block", ["64"], 1, "train_step bench 4 1 1")
        sys.exit()
    needed = {command.split()[0] for name in names for command in NUMBERS[name][5]}
    subprocess.run(["cmake", "--build", options.build, "--target", *needed], check=True, stdout=subprocess.DEVNULL)
    for name in names:
        for command in NUMBERS[name][5]:
            print_table(options.build, work, name, [NUMBERS[name][2], *NUMBERS[name][3]], options.rounds, command)

#!/usr/bin/env python3
"""Are the tests of the normalisation layers and of layers/fast/ able to fail?

Plants one error of mutants_list.py at a time in a copy of the tree, rebuilds what changed and runs the tests that
concern them, up to the first that fails. Every mutant must be killed: at least one test fails. (One that does not
compile is a mistake in the list.) Takes a few minutes to begin with and then five to ten seconds a mutant.

    tests/mutants.py [--list] [--only NUMBER ...] [--file PART] [--jobs N] [--tree DIR]
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

from mutants_list import MUTANTS

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAMS = ("norma_tests", "norma_gradient_tests")
# Every name must match a test of one of the programs.
SUITES = ("BatchNorm*", "NormFamily*", "GroupNorm*", "LayerNorm*", "InstanceNorm*", "ReferenceTest.*Norm*",
          "NetGradient*", "Freeze*", "Recalibrate*", "SetRunningStats*", "FoldBatchNorm*", "NonFinite*", "Lint*",
          "StateDict*", "Conv2d*", "FastConv2d*", "LayerGradient.Conv2d*")
FILTER = "--gtest_filter=" + ":".join(SUITES)


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


def read(path):
    with open(path) as text:
        return text.read()


def write(path, text):
    with open(path, "w") as out:
        out.write(text)


def numbered():
    """(number, file, what, original, replacement) of every mutant; ends the program if one does not fit its file."""
    everything = []
    for file, mutants in MUTANTS.items():
        source = read(os.path.join(ROOT, file))
        for what, original, replacement in mutants:
            if source.count(original) != 1 or original == replacement:
                sys.exit(f"'{what}': its text stands {source.count(original)} times in {file}:\n{original}")
            everything.append((len(everything), file, what, original, replacement))
    return everything


def copy_tree(tree):
    """Copies the sources with their times, so that what changed since the copy before is built again."""
    ignore = shutil.ignore_patterns("build*", ".git", "*.bin", "__pycache__")
    shutil.copytree(ROOT, tree, ignore=ignore, dirs_exist_ok=True)
    for file in MUTANTS:  # what is built there may be a mutant
        os.utime(os.path.join(tree, file))
    configured = run(["cmake", "-G", "Ninja", "-S", tree, "-B", os.path.join(tree, "build"), "-DNORMA_APPS=OFF",
                      "-DCMAKE_BUILD_TYPE=Release", "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG"])
    if configured.returncode != 0:
        sys.exit(configured.stdout)


def first_failure(tree, jobs):
    """Builds and runs one program after the other; name of the first test that fails, or None."""
    for program in PROGRAMS:
        built = run(["cmake", "--build", os.path.join(tree, "build"), "-j", str(jobs), "--target", program])
        if built.returncode != 0:
            errors = [line for line in built.stdout.splitlines() if "error" in line]
            sys.exit("does not build:\n" + "\n".join(errors[:5] or [built.stdout[-2000:]]))
        try:
            done = run([os.path.join(tree, "build", "tests", program), FILTER, "--gtest_fail_fast"], timeout=300,
                       env={**os.environ, "OMP_WAIT_POLICY": "passive"})
        except subprocess.TimeoutExpired:
            return program + " (does not end)"
        if done.returncode != 0:
            failed = re.search(r"\[  FAILED  \] ([\w./]+)", done.stdout)
            begun = re.findall(r"\[ RUN      \] ([\w./]+)", done.stdout)
            return failed.group(1) if failed else f"{(begun or [program])[-1]} (exit code {done.returncode})"
    return None


def unmatched_suites(tree):
    """Names in SUITES that match no test."""
    def matches(suite):
        lists = [run([os.path.join(tree, "build", "tests", program), "--gtest_list_tests", "--gtest_filter=" + suite])
                 for program in PROGRAMS]
        return any("\n  " in listed.stdout for listed in lists)
    return [suite for suite in SUITES if not matches(suite)]


def try_all(tree, mutants, jobs):
    """Prints a line for each mutant; returns those that survive."""
    copy_tree(tree)
    failure = first_failure(tree, jobs)
    if failure:
        sys.exit(f"the tests must pass before mutation; {failure} fails")
    if unmatched_suites(tree):
        sys.exit(f"no test is called {unmatched_suites(tree)}")
    survived = []
    for number, file, what, original, replacement in mutants:
        path = os.path.join(tree, file)
        source = read(os.path.join(ROOT, file))
        write(path, source.replace(original, replacement))
        killer = first_failure(tree, jobs)
        write(path, source)
        layer = os.path.basename(file).removesuffix(".cpp")
        print(f"{number:3} {'KILLED  ' if killer else 'SURVIVED'} {layer + ': ' + what:68} {killer or ''}", flush=True)
        if not killer:
            survived.append(what)
    return survived


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print the mutants and end")
    parser.add_argument("--only", type=int, nargs="+", help="numbers of the mutants to try")
    parser.add_argument("--file", default="", help="only mutants of files whose name holds this")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--tree", help="folder for the copy, to be kept for the next run; default: a temporary one")
    arguments = parser.parse_args()
    mutants = [mutant for mutant in numbered()
               if arguments.file in mutant[1] and (not arguments.only or mutant[0] in arguments.only)]
    if arguments.list:
        for number, file, what, _, _ in mutants:
            print(f"{number:3} {file:28} {what}")
        return
    if arguments.tree:
        survived = try_all(os.path.abspath(arguments.tree), mutants, arguments.jobs)
    else:
        with tempfile.TemporaryDirectory(prefix="norma_mutants_") as tree:
            survived = try_all(tree, mutants, arguments.jobs)
    if survived:
        sys.exit(f"{len(survived)} survived: " + "; ".join(survived))


if __name__ == "__main__":
    main()

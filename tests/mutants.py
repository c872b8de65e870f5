#!/usr/bin/env python3
"""Are the tests of batch norm able to fail?

Plants one error at a time in layers/batch_norm.cpp, in a copy of the tree, rebuilds the tests and runs those that
concern batch norm. Every mutant must be killed: at least one test fails (or it does not compile, which counts as a
mistake in this file). Takes about half a minute a mutant.

    tests/mutants.py [--list] [--only NUMBER ...] [--jobs N]
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FILE = "layers/batch_norm.cpp"
FILTER = "--gtest_filter=BatchNorm*:NetGradient*"
PROGRAMS = ("norma_tests", "norma_gradient_tests")

# (what it breaks, exact original text, replacement). Left out, because no result depends on it: the tile size.
MUTANTS = [
    # Backward.
    ("dx without the dbeta term", "dy.row(i) - mean_dy - n.x_hat", "dy.row(i) - n.x_hat"),
    ("dx without the dgamma term", "- mean_dy - n.x_hat(x, i) * mean_dy_x_hat)", "- mean_dy)"),
    ("dgamma term of dx without x_hat", "- n.x_hat(x, i) * mean_dy_x_hat", "- mean_dy_x_hat"),
    ("dgamma term of dx added", "- n.x_hat(x, i) * mean_dy_x_hat", "+ n.x_hat(x, i) * mean_dy_x_hat"),
    ("dx without dy itself", "gamma_inv_std * (dy.row(i) - mean_dy", "gamma_inv_std * (-mean_dy"),
    ("dx without gamma", "row_or(gamma, channels, 1) * n.inv_std", "n.inv_std"),
    ("dx without inv_std", "row_or(gamma, channels, 1) * n.inv_std", "row_or(gamma, channels, 1)"),
    ("dx with gamma twice", "row_or(gamma, channels, 1) * n.inv_std",
     "row_or(gamma, channels, 1) * row_or(gamma, channels, 1) * n.inv_std"),
    ("dbeta term not divided by m", "(dbeta / m)", "(dbeta)"),
    ("dgamma term not divided by m", "(dgamma / m)", "(dgamma)"),
    ("dbeta term divided by m - 1", "(dbeta / m)", "(dbeta / (m - 1))"),
    ("m without H and W in backward", "const double m = static_cast<double>(x.rows());",
     "const double m = static_cast<double>(x_tensor.dim(0));"),
    ("dgamma without x_hat", "+= dy.row(i) * n.x_hat(x, i);", "+= dy.row(i);"),
    ("dgamma with x instead of x_hat", "+= dy.row(i) * n.x_hat(x, i);", "+= dy.row(i) * x.row(i);"),
    ("dbeta weighted by x_hat", "part.head(channels) += dy.row(i);",
     "part.head(channels) += dy.row(i) * n.x_hat(x, i);"),
    ("dbeta and dgamma exchanged", "pass_on(gamma, dgamma);\n  pass_on(beta, dbeta);",
     "pass_on(gamma, dbeta);\n  pass_on(beta, dgamma);"),
    ("no dgamma", "  pass_on(gamma, dgamma);\n", ""),
    ("no dbeta", "  pass_on(beta, dbeta);\n", ""),
    ("evaluation differentiates the statistics", "return batch_norm(x, fixed, gamma, beta, eps, false);",
     "return batch_norm(x, fixed, gamma, beta, eps, true);"),
    ("training does not differentiate the statistics", "return batch_norm(x, of_x, gamma, beta, eps, true);",
     "return batch_norm(x, of_x, gamma, beta, eps, false);"),
    # Forward.
    ("y without gamma", "n.x_hat(in, i) * weight + bias", "n.x_hat(in, i) + bias"),
    ("y without beta", "n.x_hat(in, i) * weight + bias", "n.x_hat(in, i) * weight"),
    ("eps outside the root", "(stats.variance + eps).rsqrt()", "(1 / (stats.variance.sqrt() + eps))"),
    ("no eps", "(stats.variance + eps).rsqrt()", "stats.variance.rsqrt()"),
    ("division by the variance", "(stats.variance + eps).rsqrt()", "(1 / (stats.variance + eps))"),
    ("normalises with the unbiased variance", "return {all.mean, all.squares / all.count};",
     "return {all.mean, all.squares / std::max(1.0, all.count - 1)};"),
    ("the low part of the mean dropped", "((x.row(i) - mean_high) - mean_low) * inv_std",
     "(x.row(i) - mean_high) * inv_std"),
    ("the low part of the mean added", "((x.row(i) - mean_high) - mean_low) * inv_std",
     "((x.row(i) - mean_high) + mean_low) * inv_std"),
    # Statistics.
    ("merge without the distance of the means", "more.squares + delta.square() * (all.count * more.count / count)",
     "more.squares"),
    ("merge with a wrong weight of that distance", "(all.count * more.count / count)", "(all.count / count)"),
    ("merge moves the mean the wrong way", "all.mean += delta", "all.mean -= delta"),
    ("merge gives both means the same weight", "delta * (more.count / count)", "delta * 0.5"),
    ("merge forgets the squares so far", "all.squares += more.squares", "all.squares = more.squares"),
    ("merge forgets the count", "  all.count = count;\n", ""),
    ("a tile forgets its second row", "Index i = first + 1; i < first + n", "Index i = first + 2; i < first + n"),
    ("a tile's mean without its origin", "origin.cast<double>() + shift,", "shift,"),
    ("a tile's squares not taken about its mean", "not_negative(squares - count * shift.square())", "squares"),
    ("a tile's sums around zero, not its first row", "const Row origin = x.row(first);",
     "const Row origin = Row::Zero(x.cols());"),
    # The layer.
    ("running variance takes the biased one", "batch.variance * (m / (m - 1))", "batch.variance"),
    ("momentum is the weight of the old", "(1 - momentum) * running.pixels()", "momentum * running.pixels()"),
    ("the two weights of momentum exchanged",
     "((1 - momentum) * running.pixels().row(0).cast<double>() + momentum * value)",
     "(momentum * running.pixels().row(0).cast<double>() + (1 - momentum) * value)"),
    ("the running mean is not updated", "  take(running_mean_, batch.mean);\n", ""),
    ("the running variance takes the mean", "take(running_var_, batch.variance * (m / (m - 1)));",
     "take(running_var_, batch.mean);"),
    ("the counter stands still", "  num_batches_tracked_.pixels() += 1;\n", ""),
    ("the cumulative average ignores the count", "value_or(1 / static_cast<double>(num_batches_tracked_.item()))",
     "value_or(0.1)"),
    ("evaluation updates the statistics", "    return batch_norm_eval(x, running, weight_, bias_, options_.eps);",
     "    if (options_.track_running_stats && x.size() > 0) update_running_stats(channel_stats(x), 2);\n"
     "    return batch_norm_eval(x, running, weight_, bias_, options_.eps);"),
    ("evaluation counts its batches", "    return batch_norm_eval(x, running, weight_, bias_, options_.eps);",
     "    if (options_.track_running_stats && x.size() > 0) num_batches_tracked_.pixels() += 1;\n"
     "    return batch_norm_eval(x, running, weight_, bias_, options_.eps);"),
    ("evaluation uses the batch", "const bool use_batch = training() || !options_.track_running_stats;",
     "const bool use_batch = true;"),
    ("training uses the running statistics", "const bool use_batch = training() || !options_.track_running_stats;",
     "const bool use_batch = false;"),
    ("without tracking, evaluation does not use the batch",
     "const bool use_batch = training() || !options_.track_running_stats;",
     "const bool use_batch = training();"),
    ("m = 1 is accepted", "check(m > 1,", "check(m > 0,"),
    ("an empty batch is counted", "if (!use_batch || x.size() == 0)", "if (!use_batch)"),
    ("running mean and variance exchanged",
     "ChannelStats{running_mean_.pixels().row(0).cast<double>(), running_var_.pixels().row(0).cast<double>()}",
     "ChannelStats{running_var_.pixels().row(0).cast<double>(), running_mean_.pixels().row(0).cast<double>()}"),
    ("the running variance starts at 0", 'buffer("running_var", Tensor::full({num_features}, 1))',
     'buffer("running_var", Tensor::full({num_features}, 0))'),
    ("reset leaves the counter", "  num_batches_tracked_.pixels().setZero();\n", ""),
    ("eps = 0 is accepted", "check(usable(options.eps),", "check(options.eps >= 0,"),
    ("negative momentum is accepted", "(*options.momentum >= 0 && *options.momentum <= 1)", "(*options.momentum <= 1)"),
]


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


def build(tree, jobs):
    done = run(["cmake", "--build", os.path.join(tree, "build"), "-j", str(jobs), "--target", *PROGRAMS])
    return done.returncode == 0, done.stdout


def first_failure(tree):
    """Name of a test that fails, or None."""
    for program in PROGRAMS:
        path = os.path.join(tree, "build", "tests", program)
        try:
            done = run([path, FILTER, "--gtest_brief=1"], timeout=300)
        except subprocess.TimeoutExpired:
            return program + " (does not end)"
        if done.returncode != 0:
            failed = re.search(r"\[  FAILED  \] ([\w.]+)", done.stdout)
            return failed.group(1) if failed else f"{program} (exit code {done.returncode})"
    return None


def copy_tree(to):
    ignore = shutil.ignore_patterns("build*", ".git", "*.bin", "__pycache__")
    shutil.copytree(ROOT, to, ignore=ignore, dirs_exist_ok=True)
    configured = run(["cmake", "-G", "Ninja", "-S", to, "-B", os.path.join(to, "build"), "-DCMAKE_BUILD_TYPE=Release",
                      "-DNORMA_APPS=OFF"])
    if configured.returncode != 0:
        sys.exit(configured.stdout)


def verdict(tree, source, original, replacement, jobs):
    path = os.path.join(tree, FILE)
    with open(path, "w") as out:
        out.write(source.replace(original, replacement))
    built, log = build(tree, jobs)
    if not built:
        errors = [line for line in log.splitlines() if "error" in line]
        sys.exit("a mutant must compile:\n" + "\n".join(errors[:5]))
    return first_failure(tree)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="print the mutants and end")
    parser.add_argument("--only", type=int, nargs="+", help="numbers of the mutants to try")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    with open(os.path.join(ROOT, FILE)) as text:
        source = text.read()
    for number, (what, original, replacement) in enumerate(MUTANTS):
        if source.count(original) != 1 or original == replacement:
            sys.exit(f"mutant {number} ({what}): its text stands {source.count(original)} times in {FILE}:\n{original}")
        if arguments.list:
            print(f"{number:3} {what}")
    if arguments.list:
        return
    survived = []
    with tempfile.TemporaryDirectory(prefix="norma_mutants_") as tree:
        copy_tree(tree)
        built, log = build(tree, arguments.jobs)
        if not built or first_failure(tree):
            sys.exit("the tests must build and pass before mutation\n" + log[-2000:])
        for number, (what, original, replacement) in enumerate(MUTANTS):
            if arguments.only and number not in arguments.only:
                continue
            killer = verdict(tree, source, original, replacement, arguments.jobs)
            print(f"{number:3} {'KILLED  ' if killer else 'SURVIVED'} {what:58} {killer or ''}", flush=True)
            if not killer:
                survived.append(what)
    if survived:
        sys.exit(f"{len(survived)} survived: " + "; ".join(survived))


if __name__ == "__main__":
    main()

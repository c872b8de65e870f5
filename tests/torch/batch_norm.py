#!/usr/bin/env python3
"""Compares Norma's BatchNorm2d with PyTorch's in a thousand configurations: is it right, and is it as accurate?

    python3 tests/torch/batch_norm.py PROGRAM [--configs N]

PROGRAM is built from batch_norm.cpp. A configuration is a layer that sees one to four training batches and then one
for evaluation. The reference is torch.nn.BatchNorm2d in float64 on the same float32 numbers. Beside it run PROGRAM and
PyTorch in float32, with images stored N,C,H,W and channels last. Evaluation is a function of the running statistics,
which float32 keeps rounded: its reference starts from the statistics of the layer that is judged.

Required of every configuration:
  - y within 1e-5 max(|y|, 1), gradients within 1e-4 of the tensor's largest, running statistics within 1e-6;
  - in every tensor an error of at most twice PyTorch's, in either layout: max |got - reference| / max |reference|;
and of 90 % of them an error of at most PyTorch's in every tensor. Float32 cannot do better than half an ulp (and
running statistics half an ulp a batch), so an error of at most that counts as at most PyTorch's, whose numbers may
have come out nearer by chance; how often that decides is printed.

Exit code 0: passed, 1: failed, 77: skipped.
"""

import argparse
import math
import random
import subprocess
import sys

try:
    import torch
    import numpy as np
    from torch import nn
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed")
    sys.exit(77)

from batch_norm_cases import BUFFERS, make_case

HALF_ULP = 6e-8  # of the largest number of a tensor: 2^-24 of it at most
LAYOUTS = {"NCHW": torch.contiguous_format, "channels last": torch.channels_last}
QUANTITIES = [name + mode for mode in ("", "_eval") for name in ("y", "dx", "dweight", "dbias")] + BUFFERS[:2]


def run_norma(process, case):
    process.stdin.write(case.written())
    process.stdin.flush()
    results = {}
    for name, shape in case.answers():
        size = 4 * math.prod(shape)
        numbers = process.stdout.read(size)
        if len(numbers) != size:
            raise BrokenPipeError
        results[name] = torch.from_numpy(np.frombuffer(numbers, np.float32).reshape(shape).astype(np.float64))
    return results


def new_layer(case, dtype, state):
    layer = nn.BatchNorm2d(case.shape[1], case.eps, case.momentum, case.affine, case.track).to(dtype)
    layer.load_state_dict({**layer.state_dict(), **state})
    return layer


def differentiate(layer, case, mode, dtype, layout):
    x, dy = (case.tensors[name + mode].to(dtype, memory_format=layout) for name in ("x", "dy"))
    x = x.detach().requires_grad_(True)
    layer.zero_grad()
    y = layer(x)
    y.backward(dy)
    results = {"y": y.detach(), "dx": x.grad} | {f"d{name}": p.grad for name, p in layer.named_parameters()}
    return {name + mode: x.double() for name, x in results.items()}


def run_torch(case, dtype, layout=torch.contiguous_format):
    layer = new_layer(case, dtype, case.state())
    with torch.no_grad():
        for x in case.earlier():
            layer(x.to(dtype, memory_format=layout))
    results = differentiate(layer, case, "", dtype, layout)
    layer.eval()
    results |= differentiate(layer, case, "_eval", dtype, layout)
    return results | {name: x.double() for name, x in layer.named_buffers()}


def reference_for(case, results, reference):
    """The reference, with evaluation starting from the running statistics in `results`."""
    if not case.track:
        return reference
    layer = new_layer(case, torch.float64, case.state() | {name: results[name] for name in BUFFERS}).eval()
    return reference | differentiate(layer, case, "_eval", torch.float64, torch.contiguous_format)


def largest(x):
    return x.abs().max().item()


def allowed(name, case, want):
    """The largest absolute error that is not wrong, as a tensor or a number."""
    if name == "num_batches_tracked":
        return 0
    if name.startswith("y"):
        return 1e-5 * want.abs().clamp(min=1)
    if name.startswith("d"):
        return 1e-4 * largest(want)
    # A mean near 0 is measured by the data. A variance is measured by itself; where it is 0, float64 has noise.
    mean_square = torch.cat([*case.earlier(), case.tensors["x"]]).double().square().mean((0, 2, 3))
    scale = mean_square.sqrt() if name == "running_mean" else 1e-14 * mean_square
    return 1e-6 * torch.maximum(want.abs(), scale)


def wrong(case, results, reference):
    """Complaints about the tensors that are too far from the reference."""
    for name, got in results.items():
        error, limit = (got - reference[name]).abs(), allowed(name, case, reference[name])
        if not (error <= limit).all():  # not `error > limit`: NaN is wrong too
            yield f"{name} is off by {largest(error / limit):.3g} times what is allowed: {case}"


def errors(results, reference):
    """Quantity -> error relative to the largest number of the tensor."""
    found = {}
    for name in QUANTITIES:
        if name in results:
            error, size = largest(results[name] - reference[name]), largest(reference[name])
            found[name] = error / size if size > 0 else math.inf if error > 0 else 0.0
    return found


def ratio(ours, theirs):
    return ours / theirs if theirs > 0 else 1.0 if ours == 0 else math.inf


def excess(name, case, ours, theirs):
    """The ratio; at most 1 where ours is as good as float32 can be."""
    roundings = case.batches if name.startswith("running") else 1
    return min(1.0, ratio(ours, theirs)) if ours <= roundings * HALF_ULP else ratio(ours, theirs)


def compare(case, ours, theirs):
    """Quantity -> (our error, PyTorch's error, excess)."""
    return {name: (ours[name], theirs[name], excess(name, case, ours[name], theirs[name])) for name in ours}


def print_table(layout, rows):
    print(f"\nErrors relative to the largest number of the tensor; PyTorch's: float32, {layout}\n"
          "               configu- ours <=  of which by               ours / PyTorch's               largest error\n"
          "                rations PyTorch     half ulp     min     10%  median     90%     max    ours PyTorch")
    for name in QUANTITIES:
        ours, theirs, excesses = zip(*(row[name] for row in rows if name in row))
        ratios = sorted(map(ratio, ours, theirs))
        good = sum(x <= 1 for x in excesses)
        print(f"{name:13} {len(ours):9} {good / len(ours):7.1%} {good - sum(x <= 1 for x in ratios):12}",
              *(f"{ratios[round(q * (len(ratios) - 1))]:7.2g}" for q in (0, 0.1, 0.5, 0.9, 1)),
              f"{max(ours):7.1e} {max(theirs):7.1e}")


def judge(layout, cases, rows):
    """Prints how many configurations are as accurate as PyTorch in every tensor; returns complaints."""
    worst = [max((excess, name) for name, (_, _, excess) in row.items()) for row in rows]
    good = sum(excess <= 1 for excess, _ in worst)
    strict = sum(all(ours <= theirs for ours, theirs, _ in row.values()) for row in rows)
    print(f"ours <= PyTorch's in every tensor: {good} of {len(rows)} configurations ({good / len(rows):.1%}), "
          f"{good - strict} of them by half an ulp; the worst has {max(worst)[0]:.3g} times PyTorch's error")
    complaints = [f"{name} has {excess:.3g} times PyTorch's error, {layout}: {case}"
                  for case, (excess, name) in zip(cases, worst) if excess > 2]
    if good < 0.9 * len(rows):
        complaints.append(f"fewer than 90 % of the configurations are as accurate as PyTorch, {layout}")
    return complaints


def run_all(program, configs):
    """Returns the cases, layout -> a row of comparisons per case, and complaints."""
    cases, rows, complaints = [], {layout: [] for layout in LAYOUTS}, []
    with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        for i in range(configs):
            case = make_case(i)
            cases.append(case)
            reference, results = run_torch(case, torch.float64), run_norma(process, case)
            own_reference = reference_for(case, results, reference)
            complaints += wrong(case, results, own_reference)
            ours = errors(results, own_reference)
            for layout, memory_format in LAYOUTS.items():
                theirs = run_torch(case, torch.float32, memory_format)
                rows[layout].append(compare(case, ours, errors(theirs, reference_for(case, theirs, reference))))
            case.tensors.clear()  # all of them together would fill the memory
    return cases, rows, complaints


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--configs", type=int, default=1000)
    arguments = parser.parse_args()
    random.seed(0)
    torch.manual_seed(0)
    torch.set_num_threads(1)  # PyTorch's sums in the same order on every machine
    try:
        cases, rows, complaints = run_all(arguments.program, arguments.configs)
    except BrokenPipeError:
        sys.exit(f"{arguments.program} ended before the last case")
    for layout in LAYOUTS:
        print_table(layout, rows[layout])
        complaints += judge(layout, cases, rows[layout])
    print("", *complaints[:30], f"{len(complaints)} complaints about {len(cases)} configurations", sep="\n")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())

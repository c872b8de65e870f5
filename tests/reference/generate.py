#!/usr/bin/env python3
"""Computes in PyTorch what tests/reference_test.cpp compares Norma with.

    python3 tests/reference/generate.py

rewrites the text files beside this script. It is run by hand, never by the tests. The committed files were made
with torch 2.13.0+cpu. The seed is fixed: the same torch gives the same files.

Inputs are numbers that float32 holds exactly; everything computed from them is computed in float64 and written with
nine digits, so that the references carry no rounding of their own. A file is a list of cases:

    # comment
    case KIND NAME key=value ...
    tensor NAME size ...            (no size: a scalar)
    value value ...                 (in logical order, as many as the sizes multiply to, on any number of lines)
"""

import itertools
import math

import torch
from torch import nn
from torch.nn import functional as F
from torch.optim import lr_scheduler

import norms
from cases import CaseFile, differentiated, draw, leaf, rounded


def conv2d_cases(file):
    def add(name, shape, out_channels, kernel, stride, padding, bias):
        fan_in = shape[1] * kernel * kernel
        tensors = differentiated(
            lambda x, weight, bias: F.conv2d(x, weight, bias, stride=stride, padding=padding),
            x=draw(*shape),
            weight=draw(out_channels, shape[1], kernel, kernel, scale=1 / math.sqrt(fan_in)),
            bias=draw(out_channels) if bias else None)
        file.case("conv2d", f"{name}_k{kernel}_s{stride}_p{padding}", tensors,
                  stride=stride, padding=padding, bias=int(bias))

    sizes = itertools.cycle([(5, 5), (7, 6), (6, 9), (5, 8), (7, 7)])
    for i, (kernel, stride, padding) in enumerate(itertools.product([1, 2, 3, 5], [1, 2, 3], [0, 1, 2])):
        shape = (1 + i % 2, 1 + i % 4, *next(sizes))
        add("small", shape, 1 + i % 3, kernel, stride, padding, bias=i % 5 < 3)
    add("wide", (1, 8, 5, 7), 16, 3, 1, 1, bias=False)
    add("wide", (2, 16, 3, 4), 17, 1, 1, 0, bias=True)
    add("pixel", (3, 4, 1, 1), 5, 3, 1, 1, bias=True)
    add("exact_fit", (2, 3, 5, 5), 4, 5, 2, 0, bias=False)


def layer_cases(file):
    for shape in [(3, 4), (2, 3, 4, 5), (1, 1, 1, 1)]:
        x = draw(*shape)
        x.view(-1)[::4] = 0
        file.case("relu", f"rank{len(shape)}_size{x.numel()}", differentiated(F.relu, x=x))

    for shape, kernel in [((2, 3, 4, 4), 2), ((1, 2, 7, 5), 2), ((2, 1, 8, 7), 3), ((1, 3, 3, 3), 3),
                          ((2, 2, 3, 4), 1)]:
        for ties in (False, True):
            x = torch.randint(-1, 2, shape).double() if ties else draw(*shape)
            file.case("max_pool2d", f"{'x'.join(map(str, shape))}_k{kernel}_{'ties' if ties else 'distinct'}",
                      differentiated(lambda x: F.max_pool2d(x, kernel), x=x), kernel=kernel)

    for shape in [(2, 3, 4, 4), (1, 5, 7, 3), (3, 2, 1, 1)]:
        name = "x".join(map(str, shape))
        file.case("global_avg_pool", name,
                  differentiated(lambda x: F.adaptive_avg_pool2d(x, 1).flatten(1), x=draw(*shape)))
        file.case("flatten", name, differentiated(lambda x: x.flatten(1), x=draw(*shape)))

    for n, inputs, outputs, bias in [(1, 1, 1, True), (3, 5, 4, True), (3, 5, 4, False), (7, 16, 10, True),
                                     (2, 33, 3, False)]:
        tensors = differentiated(F.linear, x=draw(n, inputs), weight=draw(outputs, inputs, scale=0.3),
                                 bias=draw(outputs) if bias else None)
        file.case("linear", f"{n}x{inputs}to{outputs}_bias{int(bias)}", tensors, bias=int(bias))


def cross_entropy_cases(file):
    for smoothing in [0, 0.1, 0.5]:
        for n, classes, scale in [(1, 2, 1), (4, 5, 3), (7, 10, 1), (5, 10, 40)]:
            labels = torch.randint(classes, (n,))
            logits = leaf(draw(n, classes, scale=scale))
            loss = F.cross_entropy(logits, labels, label_smoothing=smoothing)
            loss.backward()
            file.case("cross_entropy", f"{n}x{classes}_scale{scale}_smoothing{smoothing}",
                      {"logits": logits, "labels": labels.double(), "loss": loss, "dlogits": logits.grad},
                      label_smoothing=smoothing)


def sgd_cases(file):
    steps = 10
    plain = [(0, False, decay) for decay in (0, 5e-4, 0.1)]
    for momentum, nesterov, decay in plain + list(itertools.product([0.5, 0.9], [False, True], [0, 5e-4, 0.1])):
        # Well away from 0, for the comparison is relative.
        p = leaf(rounded(draw(6).sign() * (1.5 + torch.rand(6, dtype=torch.float64))))
        rates = torch.tensor([round(0.1 * 0.8**t, 6) for t in range(steps)], dtype=torch.float64)
        gradients = draw(steps, 6, scale=0.3)
        optimiser = torch.optim.SGD([p], lr=0.1, momentum=momentum, weight_decay=decay, nesterov=nesterov)
        tensors = {"initial": p.detach().clone(), "rates": rates, "gradients": gradients}
        path = []
        for rate, gradient in zip(rates, gradients):
            optimiser.param_groups[0]["lr"] = rate.item()
            p.grad = gradient.clone()
            optimiser.step()
            path.append(p.detach().clone())
        tensors["path"] = torch.stack(path)
        file.case("sgd", f"momentum{momentum}_nesterov{int(nesterov)}_decay{decay}", tensors,
                  momentum=momentum, nesterov=int(nesterov), weight_decay=decay)


def schedule_case(file, name, peak, steps, warmup=0, every=1, factor=0.1):
    optimiser = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=peak)
    rise = lr_scheduler.LambdaLR(optimiser, lambda step: min(1, (step + 1) / max(1, warmup)))
    if name == "constant":
        schedule = rise
    elif name == "one-cycle":
        schedule = lr_scheduler.OneCycleLR(optimiser, peak, steps, pct_start=warmup / steps, cycle_momentum=False)
    else:
        if name == "step":
            after = lr_scheduler.StepLR(optimiser, every, factor)
        else:
            after = lr_scheduler.CosineAnnealingLR(optimiser, steps - warmup)
        schedule = lr_scheduler.SequentialLR(optimiser, [rise, after], [warmup]) if warmup else after
    rates = []
    for step in range(steps):
        rates.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        if step + 1 < steps:
            schedule.step()
    file.case("schedule", f"{name}_steps{steps}_warmup{warmup}", {"rates": torch.tensor(rates, dtype=torch.float64)},
              schedule=name, peak=peak, steps=steps, warmup=warmup, every=every, factor=factor)


def schedule_cases(file):
    schedule_case(file, "constant", 0.1, 12, warmup=5)
    schedule_case(file, "constant", 0.3, 10)
    schedule_case(file, "constant", 0.4, 8, warmup=8)
    schedule_case(file, "step", 0.1, 30, every=10)
    schedule_case(file, "step", 0.8, 25, every=4, factor=0.5)
    schedule_case(file, "step", 0.8, 25, warmup=3, every=6, factor=0.3)
    schedule_case(file, "cosine", 0.1, 20)
    schedule_case(file, "cosine", 0.5, 33)
    schedule_case(file, "cosine", 0.5, 40, warmup=7)
    schedule_case(file, "one-cycle", 0.1, 20, warmup=6)
    schedule_case(file, "one-cycle", 0.5, 50, warmup=10)
    schedule_case(file, "one-cycle", 0.05, 33, warmup=2)


def trace_case(file):
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10)).double()
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(rounded(p))
    batches = [(draw(16, 3, 8, 8), torch.randint(10, (16,))) for _ in range(3)]
    tensors = {f"initial.{name}": x.double().clone() for name, x in net.state_dict().items()}
    for i, (x, labels) in enumerate(batches):
        tensors |= {f"x{i}": x, f"labels{i}": labels.double()}

    settings = {"lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4}
    optimiser = torch.optim.SGD(net.parameters(), nesterov=True, **settings)
    losses = []
    for step in range(20):
        x, labels = batches[step % len(batches)]
        optimiser.zero_grad()
        loss = F.cross_entropy(net(x), labels, label_smoothing=0.1)
        loss.backward()
        optimiser.step()
        losses.append(loss.detach())
    tensors["losses"] = torch.stack(losses)
    tensors |= {f"final.{name}": x.double() for name, x in net.state_dict().items()}
    file.case("trace", "sgd_nesterov", tensors, **settings)


def main():
    torch.manual_seed(1)
    torch.set_num_threads(1)
    for name, about, fillers in [
            ("conv2d.txt", "Convolution.", [conv2d_cases]),
            ("batch_norm.txt", "Three training batches and one evaluated, per case.", [norms.batch_norm_cases]),
            ("layers.txt", "The other layers and the loss.", [layer_cases, cross_entropy_cases]),
            ("optim.txt", "SGD and learning-rate schedules.", [sgd_cases, schedule_cases]),
            ("trace.txt", "Twenty training steps of a small network.", [trace_case]),
            ("norm_family.txt", "Normalisation layers other than BatchNorm2d.",
             [norms.group_norm_cases, norms.layer_norm_cases, norms.instance_norm_cases, norms.batch_norm1d_cases])]:
        file = CaseFile(name, about)
        for fill in fillers:
            fill(file)
        file.write()


if __name__ == "__main__":
    main()

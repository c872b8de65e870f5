#!/usr/bin/env python3
"""Training speed of Norma and of PyTorch: the same net, batch and threads, in alternating runs.

    pip install torch==2.13.0
    python3 tests/bench/compare_torch.py [--net cnn] [--batch 128] [--threads 2] [--rounds 5] [--json FILE]

A run is a process of its own and reports the median time of a step (forward, loss, backward, SGD with Nesterov
momentum) on one fixed batch. PyTorch runs with images stored N,C,H,W and channels last, each with the default memory
allocator and with one that is told to keep its memory ("tuned"). A line gives the median over rounds, and how many
times as long as PyTorch's fastest configuration Norma needs: below 1, Norma is faster.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Channels of the convolutions; 0 is a 2x2 max pooling. Must say the same as apps/norma/models.cpp.
PLANS = {
    "cnn": [32, 32, 0, 64, 64, 0, 128, 128, 0, 256],
    "small": [16, 0, 32, 0, 64, 0, 64],
}
TUNED = {
    "OPENBLAS_NUM_THREADS": "1",
    "GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=8589934592"
    ":glibc.malloc.hugetlb=1",
}


def torch_step_ms(net, batch, threads, steps, channels_last):
    """Median time of a training step in PyTorch, in this process."""
    import torch
    from torch import nn

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    layers, channels = [], 3
    for width in PLANS[net]:
        if width == 0:
            layers.append(nn.MaxPool2d(2))
            continue
        layers += [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        channels = width
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))
    images, labels = torch.randn(batch, 3, 32, 32), torch.randint(0, 10, (batch,))
    if channels_last:
        model = model.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4, nesterov=True)
    loss = nn.CrossEntropyLoss()
    times = []
    for i in range(steps + 3):
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss(model(images), labels).backward()
        optimizer.step()
        if i >= 3:
            times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)


def run(command, environment=None):
    result = subprocess.run(command, env={**os.environ, **(environment or {})}, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit code {result.returncode}\n{result.stderr}")
    return float(result.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", choices=PLANS, default="cnn")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=11)
    parser.add_argument("--build", type=Path, default=ROOT / "build/release", help="where train_step was built")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--torch-child", choices=["nchw", "channels_last"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.torch_child:
        print(torch_step_ms(args.net, args.batch, args.threads, args.steps, args.torch_child == "channels_last"))
        return
    try:
        import torch
    except ImportError:
        sys.exit("PyTorch is not installed: pip install torch==2.13.0")

    sizes = [args.net, args.batch, args.threads, args.steps]
    norma = [args.build / "tests/train_step", *map(str, sizes)]
    child = [sys.executable, __file__, "--net", args.net, "--batch", str(args.batch), "--threads", str(args.threads),
             "--steps", str(args.steps), "--torch-child"]
    contestants = {
        "norma": (norma, {"GOMP_SPINCOUNT": "1000"}),
        "torch NCHW": ([*child, "nchw"], None),
        "torch channels_last": ([*child, "channels_last"], None),
        "torch NCHW, tuned": ([*child, "nchw"], TUNED),
        "torch channels_last, tuned": ([*child, "channels_last"], TUNED),
    }
    times = {name: [] for name in contestants}
    for _ in range(args.rounds):
        for name, (command, environment) in contestants.items():
            times[name].append(run(command, environment))

    print(f"net {args.net}, batch {args.batch}, {args.threads} threads, {args.rounds} rounds, torch {torch.__version__}")
    print(f"{'':28}{'median ms':>10}{'min':>8}{'max':>8}{'images/s':>10}")
    for name, ms in times.items():
        median = statistics.median(ms)
        print(f"{name:28}{median:10.1f}{min(ms):8.1f}{max(ms):8.1f}{1000 * args.batch / median:10.0f}")
    medians = {name: statistics.median(ms) for name, ms in times.items()}
    norma_ms = medians.pop("norma")
    fastest = min(medians, key=medians.get)
    ratio = norma_ms / medians[fastest]
    print(f"norma needs {ratio:.2f} times the time of the fastest, {fastest}")
    if args.json:
        args.json.write_text(json.dumps({"ratio_to_fastest": ratio, "fastest": fastest, "milliseconds": times}, indent=2))


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Speed of Norma and of PyTorch: the same nets, batches and threads, in alternating runs.

    pip install torch==2.13.0
    tests/bench/compare_torch.py                                  all nets, training and inference
    tests/bench/compare_torch.py --net bench --batch 128 --threads 2 --rounds 5 --mode train --json FILE

A run is a process of its own. It reports the median time of a step on one fixed batch, behind steps that warm it up and
(torch.compile) compile: forward, loss, backward, SGD with Nesterov momentum; with --mode infer the forward pass of eval(),
and for Norma also of the model that fold_batch_norm() makes.
PyTorch runs in every configuration that a user might choose: images stored N,C,H,W, channels last, channels last with
torch.compile (for inference also with frozen weights), each with the system's memory allocator as it is, told to keep its
memory ("tuned"), and with jemalloc and tcmalloc where these are installed (Debian: libjemalloc2, libtcmalloc-minimal4).
A line gives median, extremes and spread over the rounds. The ratio is Norma's median over that of PyTorch's fastest
configuration: below 1, Norma is faster.
"""
import argparse
import ctypes.util
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NETS = ["bench", "air", "cnn", "small", "resnet"]
WARM_UP = 5  # steps; train_step.cpp takes as many
LAYOUTS = {"train": ["NCHW", "channels_last", "compile"], "infer": ["NCHW", "channels_last", "compile", "compile frozen"]}


def allocators():
    """Name and environment of every allocator at hand."""
    found = {
        "": {},
        ", tuned": {
            "OPENBLAS_NUM_THREADS": "1",
            "GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=8589934592"
            ":glibc.malloc.hugetlb=1",
        },
    }
    # jemalloc gives memory back all the time unless told never to. The oversize_threshold:1 that PyTorch's tuning guide adds
    # lets big blocks go at once all the same: measured here, a step of "bench" takes 217 ms with it and 93 ms without.
    keep = "metadata_thp:auto,dirty_decay_ms:-1,muzzy_decay_ms:-1"
    for name, library, more in [("jemalloc", "jemalloc", {"MALLOC_CONF": keep}), ("tcmalloc", "tcmalloc_minimal", {})]:
        path = ctypes.util.find_library(library)
        if path:
            found[", " + name] = {"LD_PRELOAD": path, **more}
        else:
            print(f"{name} is not installed; left out", file=sys.stderr)
    return found


def torch_step_ms(net, batch, threads, steps, mode, layout):
    """Median time of a step in PyTorch, in this process, and the number of parameters."""
    import torch
    from torch_nets import NETS as make

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    model = make[net]()
    images, labels = torch.randn(batch, 3, 32, 32), torch.randint(0, 10, (batch,))
    if layout != "NCHW":
        model = model.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    if layout.startswith("compile"):
        model = torch.compile(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=5e-4, nesterov=True)
    loss = torch.nn.CrossEntropyLoss()

    def train():
        optimizer.zero_grad(set_to_none=True)
        loss(model(images), labels).backward()
        optimizer.step()

    def infer():
        # torch.compile freezes weights under no_grad only; elsewhere inference_mode is what users take.
        with torch.no_grad() if layout == "compile frozen" else torch.inference_mode():
            model(images)

    model.train(mode == "train")
    step = train if mode == "train" else infer
    times = []
    for i in range(steps + WARM_UP):
        start = time.perf_counter()
        step()
        if i >= WARM_UP:
            times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times), sum(p.numel() for p in model.parameters())


def run(command, environment):
    """Milliseconds and the number of parameters, or what went wrong."""
    result = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
    if result.returncode == 0:
        milliseconds, parameters = result.stdout.split()[-2:]
        return float(milliseconds), int(parameters)
    lines = result.stderr.strip().splitlines() or [""]
    errors = [line for line in lines if "Error" in line] or lines
    return f"exit code {result.returncode}: {errors[-1]}"


def measure(net, batch, threads, mode, args, memory):
    """Runs all contestants in turn, args.rounds times. Returns what --json writes of a case."""
    sizes = [net, str(batch), str(threads), str(args.steps), mode]
    contestants = {"norma": ([args.build / "tests/train_step", *sizes], {})}
    if mode == "infer":  # as freezing does for PyTorch
        contestants["norma folded"] = ([args.build / "tests/train_step", *sizes[:-1], "folded"], {})
    for layout, (name, environment) in itertools.product(LAYOUTS[mode], memory.items()):
        if layout == "compile frozen":
            environment = {**environment, "TORCHINDUCTOR_FREEZING": "1"}
        contestants[f"torch {layout}{name}"] = ([sys.executable, __file__, "--child", layout, *sizes], environment)
    if args.only:
        contestants = {name: what for name, what in contestants.items() if name.startswith("norma") or args.only in name}
    times, skipped, parameters = {name: [] for name in contestants}, {}, {}
    for round_ in range(args.rounds):
        for name, (command, environment) in contestants.items():
            if name in skipped:
                continue
            if sys.stderr.isatty():
                print(f"\r{net} {batch} {threads} {mode}: round {round_ + 1}, {name:40}", end="", file=sys.stderr)
            result = run(command, environment)
            if isinstance(result, tuple):
                times[name].append(result[0])
                parameters[name] = result[1]
            elif name.startswith("norma"):
                sys.exit(f"\n{' '.join(map(str, command))}: {result}")
            else:
                skipped[name] = result
                del times[name]
    if sys.stderr.isatty():
        print(f"\r{'':80}\r", end="", file=sys.stderr)
    parameters.pop("norma folded", None)  # batch norms are gone
    if len(set(parameters.values())) > 1:
        sys.exit(f"{net} is not the same network everywhere; parameters: {parameters}")
    medians = {name: statistics.median(ms) for name, ms in times.items()}
    rivals = {name: ms for name, ms in medians.items() if name.startswith("torch")}
    if not rivals:
        sys.exit(f"no configuration of PyTorch runs: {skipped}")
    fastest = min(rivals, key=rivals.get)
    case = {
        "net": net, "batch": batch, "threads": threads, "mode": mode, "rounds": args.rounds, "steps": args.steps,
        "ratio_to_fastest": medians["norma"] / rivals[fastest], "fastest": fastest, "medians": medians,
        "milliseconds": times, "skipped": skipped,
    }
    if mode == "infer":
        case["folded_ratio_to_fastest"] = medians["norma folded"] / rivals[fastest]
    return case


def print_case(case):
    print(f"net {case['net']}, batch {case['batch']}, {case['threads']} threads, {case['mode']}, {case['rounds']} rounds")
    print(f"{'':34}{'median ms':>10}{'min':>9}{'max':>9}{'spread':>8}{'images/s':>10}")
    for name, ms in case["milliseconds"].items():
        median = case["medians"][name]
        print(f"{name:34}{median:10.2f}{min(ms):9.2f}{max(ms):9.2f}{(max(ms) - min(ms)) / median:8.0%}"
              f"{1000 * case['batch'] / median:10.0f}")
    for name, reason in case["skipped"].items():
        print(f"{name:34}skipped: {reason}")
    folded = f" ({case['folded_ratio_to_fastest']:.3f} folded)" if case["mode"] == "infer" else ""
    print(f"norma needs {case['ratio_to_fastest']:.3f}{folded} times the time of the fastest, {case['fastest']}\n", flush=True)


def print_table(cases):
    print(f"{'net':8}{'batch':>6}{'threads':>8}  {'mode':6}{'norma ms':>10}{'torch ms':>10}{'ratio':>8}{'faster':>8}  fastest")
    for case in cases:
        norma, torch_ms, ratio = case["medians"]["norma"], case["medians"][case["fastest"]], case["ratio_to_fastest"]
        print(f"{case['net']:8}{case['batch']:6}{case['threads']:8}  {case['mode']:6}{norma:10.2f}{torch_ms:10.2f}{ratio:8.3f}"
              f"{1 / ratio:7.2f}x  {case['fastest']}")


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, got {text}")
    return number


def main():
    if sys.argv[1:2] == ["--child"]:
        layout, net, batch, threads, steps, mode = sys.argv[2:]
        print(*torch_step_ms(net, int(batch), int(threads), int(steps), mode, layout))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--net", choices=NETS, nargs="+", help="default all")
    parser.add_argument("--batch", type=positive, nargs="+", help="default 128, for air 512")
    parser.add_argument("--threads", type=positive, nargs="+", default=[2])
    parser.add_argument("--mode", choices=LAYOUTS, nargs="+", help="default both, for a --net train")
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--steps", type=positive, default=11, help=f"of a run, behind {WARM_UP} that are not counted")
    parser.add_argument("--only", metavar="TEXT", help="of PyTorch's configurations, those with TEXT in their name")
    parser.add_argument("--build", type=Path, default=ROOT / "build/release", help="where train_step was built")
    parser.add_argument("--json", type=Path, help="of one case its numbers, of several {\"cases\": [...]}")
    args = parser.parse_args()
    if not (args.build / "tests/train_step").exists():
        sys.exit(f"{args.build}/tests/train_step: no such file; build it or name its place with --build")
    try:
        import torch
    except ImportError:
        sys.exit("PyTorch is not installed: pip install torch==2.13.0")
    print(f"torch {torch.__version__}")
    memory = allocators()
    cases = []
    modes = args.mode or (["train"] if args.net else list(LAYOUTS))
    for net in args.net or NETS:
        for batch, threads, mode in itertools.product(args.batch or [512 if net == "air" else 128], args.threads, modes):
            cases.append(measure(net, batch, threads, mode, args, memory))
            print_case(cases[-1])
    if len(cases) > 1:
        print_table(cases)
    if args.json:
        result = cases[0] if len(cases) == 1 else {"cases": cases}
        args.json.write_text(json.dumps({"torch": torch.__version__, **result}, indent=2) + "\n")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Do weights travel between Norma and PyTorch, and does training go on there as here?

    python3 tests/torch/safetensors.py PROGRAM

PROGRAM is built from safetensors.cpp. A net of every layer that has state is trained on one side, its file loaded on
the other (load_state_dict(strict=True)), both evaluate it and train on, on the same batches. Required:
  - logits within 1e-5 max(|logit|, 1), before the training goes on;
  - losses of the steps that follow within 1e-4;
  - Norma's file is byte for byte what the safetensors package makes of the same tensors;
  - float64 files are read;
  - of 1000 damaged files Norma reads none that the safetensors package refuses.

Exit code 0: passed, 1: failed, 77: skipped.
"""

import random
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path = [p for p in sys.path if Path(p).resolve() != Path(__file__).resolve().parent]  # `safetensors` is the package
try:
    import torch
    from torch import nn
    import safetensors
    from safetensors.torch import load_file, save, save_file
except ImportError as missing:
    print(f"skipped: {missing.name} is not installed")
    sys.exit(77)

STEPS, BATCH = 5, 16
complaints = []


def make_net():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.GroupNorm(2, 8),
        nn.Conv2d(8, 6, 3, padding=1), nn.LayerNorm((6, 8, 8)), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(96, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 5))


def make_data():
    data = {"x": torch.randn(BATCH, 3, 8, 8)}
    for step in range(STEPS):
        data[f"x{step}"] = torch.randn(BATCH, 3, 8, 8)
        data[f"labels{step}"] = torch.randint(0, 5, (BATCH,))
    return data


def logits(net, x):
    net.eval()
    with torch.no_grad():
        return net(x)


def train(net, data):
    net.train()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(data[f"x{step}"]), data[f"labels{step}"])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return torch.tensor(losses)


def agree(what, ours, theirs, bound):
    error = ((ours - theirs).abs() / theirs.abs().clamp(min=1)).max().item()
    print(f"{what:52} largest difference {error:.2e}, allowed {bound:g}")
    if not error <= bound:
        complaints.append(f"{what}: {error:g} is more than {bound:g}")


class Side:
    """Norma's side: a folder and the program."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def train(self, data, weights, out):
        """Trains from the file `weights` ("-": fresh) into the file `out`; returns the results."""
        save_file(data, self.folder / "data")
        weights = weights if weights == "-" else self.folder / weights
        command = [self.program, "train", self.folder / "data", weights, self.folder / out, self.folder / "results"]
        subprocess.run(command, check=True)
        return load_file(self.folder / "results")

    def accepted(self, files):
        return set(subprocess.run([self.program, "accepts", *files], check=True, stdout=subprocess.PIPE,
                                  text=True).stdout.split("\n"))


def from_norma(side, first, second):
    """Trained here, loaded in PyTorch, trained on in both."""
    here = side.train(first, "-", "ours")
    state = load_file(side.folder / "ours")
    net = make_net()
    net.load_state_dict(state, strict=True)
    if net[1].num_batches_tracked.dtype != torch.int64 or net[1].num_batches_tracked.item() != STEPS:
        complaints.append(f"num_batches_tracked is {net[1].num_batches_tracked!r}, must be int64 {STEPS}")
    agree("Norma's file in PyTorch: logits", here["logits_after"], logits(net, first["x"]), 1e-5)
    losses = train(net, second)
    agree("training continued in PyTorch: losses", side.train(second, "ours", "on")["losses"], losses, 1e-4)
    if (side.folder / "ours").read_bytes() != save(state, {"format": "pt"}):
        complaints.append("Norma's file differs from what the safetensors package writes")


def from_torch(side, first, second, dtype):
    """Trained in PyTorch, loaded here, trained on in both."""
    net = make_net()
    train(net, first)
    state = {name: x.to(dtype) if x.is_floating_point() else x for name, x in net.state_dict().items()}
    save_file(state, side.folder / "theirs")
    theirs = logits(net, second["x"])
    here = side.train(second, "theirs", "on")
    agree(f"PyTorch's file ({dtype}) in Norma: logits", here["logits"], theirs, 1e-5)
    agree("training continued in Norma: losses", here["losses"], train(net, second), 1e-4)
    agree("logits after it", here["logits_after"], logits(net, second["x"]), 1e-4)


def damage(whole):
    """The bytes with a few of the first 800 changed, doubled, removed, or the end cut."""
    data = bytearray(whole)
    for _ in range(random.randint(1, 3)):
        place = random.randrange(min(len(data), 800))
        kind = random.randrange(4)
        if kind == 0:
            data[place] ^= 1 << random.randrange(8)
        elif kind == 1:
            data[place] = random.choice(b'0123456789[]{},:" -')
        elif kind == 2:
            data[place:place] = data[place:place + random.randint(1, 40)]
        else:
            del data[place:place + random.randint(1, 40)]
    length = int.from_bytes(data[:8], "little") + len(data) - len(whole)
    if random.random() < 0.7 and 0 <= length < 2**32:  # so that the change is in the header, and not behind it
        data[:8] = length.to_bytes(8, "little")
    return bytes(data)


def damaged_files(side):
    whole = save({"a": torch.zeros(2, 3), "bn.num_batches_tracked": torch.tensor(3), "c": torch.ones(4)}, {"format": "pt"})
    files = {}
    for i in range(1000):
        path = side.folder / f"damaged{i}"
        path.write_bytes(damage(whole))
        files[str(path)] = path.read_bytes()
    accepted = side.accepted(files)
    reference = set()
    for path, data in files.items():
        try:
            safetensors.deserialize(data)
            reference.add(path)
        except Exception:  # the package has an error class of its own, and raises others too
            pass
    print(f"of {len(files)} damaged files Norma reads {len(accepted - {''})}, the safetensors package {len(reference)}")
    for path in accepted - {""} - reference:
        complaints.append(f"Norma reads what the safetensors package refuses: {files[path][:300]}")


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: safetensors.py PROGRAM")
    random.seed(0)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        side = Side(sys.argv[1], Path(folder))
        from_norma(side, make_data(), make_data())
        for dtype in (torch.float32, torch.float64):
            from_torch(side, make_data(), make_data(), dtype)
        damaged_files(side)
    print("", *complaints[:20], f"torch {torch.__version__}, safetensors {safetensors.__version__}: "
          f"{len(complaints)} complaints", sep="\n")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())

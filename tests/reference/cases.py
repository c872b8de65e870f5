"""Drawing numbers, differentiating and writing cases: what generate.py and norms.py share."""

import pathlib
import struct
import textwrap

import torch


def f32(number):
    """The nearest float32."""
    return struct.unpack("f", struct.pack("f", number))[0]


def rounded(x):
    """At most three decimals, which keeps the files small, and exact in float32."""
    return torch.round(x, decimals=3).float().double()


def draw(*shape, scale=1.0):
    return rounded(torch.randn(shape, dtype=torch.float64) * scale)


def draw_spread(*shape):
    """An image batch without nearly constant channels, in which 1/std would magnify float32's rounding."""
    x = draw(*shape, scale=1.5)
    while (narrow := x.std(dim=(0, 2, 3)) < 0.5).any():
        x[:, narrow] = draw(*shape, scale=1.5)[:, narrow]
    return rounded(x + draw(shape[1]).view(1, -1, 1, 1))


def leaf(x):
    return None if x is None else x.clone().requires_grad_(True)


def as_text(number):
    short = f"{number:.6g}"
    return short if f32(float(short)) == number else f"{number:.9g}"


class CaseFile:
    def __init__(self, name, about):
        self.path = pathlib.Path(__file__).parent / name
        self.lines = [f"# {about} Written by generate.py, which explains the format."]
        self.counts = {}

    def case(self, kind, name, tensors, **options):
        """Tensors that are None are left out."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.lines.append(" ".join(["case", kind, name, *(f"{key}={value}" for key, value in options.items())]))
        for key, x in tensors.items():
            if x is None:
                continue
            self.lines.append(" ".join(["tensor", key, *map(str, x.shape)]))
            numbers = [as_text(number) for number in x.detach().flatten().tolist()]
            self.lines += textwrap.wrap(" ".join(numbers), width=118, break_on_hyphens=False)

    def write(self):
        self.path.write_text("\n".join(self.lines) + "\n")
        print(f"{self.path.name}: {self.path.stat().st_size} bytes, {self.counts}")


def differentiated(function, **inputs):
    """The inputs, y = function(*inputs), a random dy, and the gradient d<name> of every input that is not None."""
    leaves = {name: leaf(x) for name, x in inputs.items()}
    y = function(*leaves.values())
    dy = draw(*y.shape)
    y.backward(dy)
    gradients = {f"d{name}": None if x is None else x.grad for name, x in leaves.items()}
    return {**inputs, "dy": dy, "y": y, **gradients}

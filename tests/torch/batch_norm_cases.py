"""The configurations in which batch_norm.py compares, drawn from Python's and PyTorch's random generators."""

import math
import random
from dataclasses import dataclass, field

import torch

PARAMETERS, BUFFERS = ["weight", "bias"], ["running_mean", "running_var", "num_batches_tracked"]
# Beside random shapes: two numbers a channel, a pixel an image, one image, many channels, many pixels.
EDGE_SHAPES = [(2, 1, 1, 1), (1, 3, 1, 2), (16, 20, 1, 1), (1, 1, 31, 33), (2, 300, 3, 3), (1, 5, 7, 1), (3, 1, 1, 1),
               (128, 257, 1, 1), (2, 17, 1, 1), (1, 2, 64, 64), (64, 8, 32, 32), (5, 64, 1, 3)]


@dataclass
class Case:
    shape: tuple
    n_eval: int
    affine: bool
    track: bool
    momentum: float | None
    eps: float
    batches: int  # in training
    scale: float  # about the standard deviation of x
    ratio: float  # about |mean| / standard deviation
    constant: bool  # whether channel 0 is
    tensors: dict = field(default_factory=dict)  # float32: weight, bias, x1, x2 ..., x, dy, x_eval, dy_eval

    def __str__(self):
        return " ".join(f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}"
                        for name, value in vars(self).items() if name != "tensors").replace(", ", ",")

    def state(self):
        """What a new layer's parameters are set to."""
        return {name: self.tensors[name] for name in PARAMETERS if self.affine}

    def earlier(self):
        """The training batches before the last one."""
        return [self.tensors[f"x{i}"] for i in range(1, self.batches)]

    def written(self):
        """The case as batch_norm.cpp reads it."""
        n, c, h, w = self.shape
        header = [c, int(self.affine), int(self.track), self.momentum, self.eps, self.batches, n, h, w, self.n_eval]
        line = " ".join(map(str, header)) + "\n"
        return b"".join([line.encode(), *(x.numpy().tobytes() for x in self.tensors.values())])

    def answers(self):
        """Names and shapes of the results, in the order of batch_norm.cpp."""
        n, c, h, w = self.shape
        for mode, number in ("", n), ("_eval", self.n_eval):
            yield from [(name + mode, (number, c, h, w)) for name in ("y", "dx")]
            yield from [(f"d{name}{mode}", (c,)) for name in self.state()]
        if self.track:
            yield from zip(BUFFERS, [(c,), (c,), ()])


def random_shape():
    while True:
        shape = (random.choice([1, 1, 2, 3, 4, 7, 16, 32]), round(300 ** random.random()), random.randint(1, 17),
                 random.randint(1, 17))
        if math.prod(shape) > shape[1] and math.prod(shape) <= 30000:
            return shape


def make_case(i):
    shape = EDGE_SHAPES[i // 4 % len(EDGE_SHAPES)] if i % 4 == 0 else random_shape()
    track = random.random() < 0.8
    case = Case(shape, n_eval=random.choice([1, 2, shape[0]]) if track else shape[0], affine=random.random() < 0.75,
                track=track, momentum=random.choice([0.1, 0.3, 0.0, 1.0, None]), eps=random.choice([1e-5, 1e-3, 1e-2]),
                batches=random.randint(1, 4), scale=10 ** random.uniform(-3, 3),
                ratio=random.choices([0.0, 10 ** random.uniform(-1, 4), 10 ** random.uniform(4, 6)], [2, 7, 1])[0],
                constant=shape[1] > 1 and i % 15 == 1)
    if math.prod(shape) == 2 * shape[1]:
        # Of two numbers dx is about eps / variance of its terms: with a large variance float64 does not know it either.
        case.scale = min(case.scale, 10.0)
    fill(case)
    return case


def fill(case):
    """Draws the numbers. Channels differ in mean and scale."""
    n, c, h, w = case.shape
    scale = case.scale * 2 ** torch.rand(c, 1, 1, dtype=torch.float64)
    mean = case.ratio * scale * (0.5 + torch.rand(c, 1, 1)) * torch.randn(c, 1, 1).sign()

    def images(number):
        x = mean + scale * torch.randn(number, c, h, w)
        if case.constant:
            x[:, 0] = 0.7 * case.scale
        return x.float()

    def upstream(number):
        return random.choice([1e-3, 1.0, 1e2]) * torch.randn(number, c, h, w)

    if case.affine:
        case.tensors |= {"weight": 1 + 0.5 * torch.randn(c), "bias": torch.randn(c)}
    case.tensors |= {f"x{i}": images(n) for i in range(1, case.batches)}
    case.tensors |= {"x": images(n), "dy": upstream(n), "x_eval": images(case.n_eval), "dy_eval": upstream(case.n_eval)}

"""The cases of the normalisation layers, for generate.py."""

import itertools

from torch import nn

from cases import draw, draw_spread, leaf, rounded

MOMENTA = [0.1, 0.3, 0.0, 1.0, None]


def norm_tensors(layer, draw_x, untested, tested):
    """Draws the parameters of a normalisation layer and an x for every batch, "_eval" being one in eval(). Batches that
    are not tested only move the running statistics."""
    tensors = {name: rounded(1 + draw(*p.shape, scale=0.3)) if name == "weight" else draw(*p.shape)
               for name, p in layer.named_parameters()}
    layer.load_state_dict({**layer.state_dict(), **tensors})
    for batch in untested + tested:
        layer.train(batch != "_eval")
        x = leaf(draw_x())
        y = layer(x)
        tensors[f"x{batch}"] = x
        if batch not in tested:
            continue
        layer.zero_grad()
        dy = draw(*y.shape)
        y.backward(dy)
        tensors.update({f"dy{batch}": dy, f"y{batch}": y, f"dx{batch}": x.grad})
        tensors.update({f"d{name}{batch}": p.grad.clone() for name, p in layer.named_parameters()})
    return tensors | {name: x.double() for name, x in layer.named_buffers()}


def batch_norm_case(file, shape, affine, track, momentum, eps):
    name = "x".join(map(str, shape)) + f"_affine{int(affine)}_track{int(track)}_momentum{momentum}_eps{eps}"
    options = {"eps": eps, "momentum": momentum}
    layer = nn.BatchNorm2d(shape[1], affine=affine, track_running_stats=track, **options).double()
    tensors = norm_tensors(layer, lambda: draw_spread(*shape), ["1", "2"], ["3", "_eval"])
    file.case("batch_norm", name, tensors, affine=int(affine), track=int(track), **options)


def batch_norm_cases(file):
    """Every small shape, each with other options, in an order that mixes them; few without running statistics, for
    then there is less to compare."""
    options = list(itertools.product([True, False], [True, True, True, False], MOMENTA, [1e-5, 1e-3]))
    shapes = itertools.product([1, 2, 3, 8], [1, 2, 3, 7, 16], [(1, 1), (2, 2), (3, 5), (7, 7)])
    shapes = [(n, c, h, w) for n, c, (h, w) in shapes if n * h * w > 1 and n * c * h * w <= 520]
    for i, shape in enumerate(shapes):
        batch_norm_case(file, shape, *options[i * 27 % len(options)])


def norm_family_case(file, kind, layer, shape, tested, **options):
    tensors = norm_tensors(layer.double(), lambda: draw(*shape, scale=1.5), [], tested)
    name = "_".join(["x".join(map(str, shape)), *(f"{key}{value}" for key, value in options.items())])
    file.case(kind, name, tensors, **options)


def group_norm_cases(file):
    options = itertools.cycle(itertools.product([1, 0, 1], [1e-5, 1e-2]))
    for shape, groups in [((2, 6, 3, 4), (1, 2, 3, 6)), ((3, 4, 2, 3), (1, 2, 4)), ((1, 8, 4, 2), (4,)),
                          ((2, 1, 3, 3), (1,)), ((2, 16, 1, 1), (4,)), ((4, 6), (1, 2, 3)), ((2, 5), (5,))]:
        for n in groups:
            affine, eps = next(options)
            norm_family_case(file, "group_norm", nn.GroupNorm(n, shape[1], eps, bool(affine)), shape, ["1"],
                             groups=n, affine=affine, eps=eps)


def layer_norm_cases(file):
    options = itertools.cycle([(1, 1, 1e-5), (1, 0, 1e-2), (0, 1, 1e-5), (1, 1, 1e-2), (1, 0, 1e-5)])
    for shape in [(2, 3, 4, 5), (1, 4, 3, 2), (3, 1, 2, 2), (2, 5, 1, 1), (3, 2, 3, 3), (4, 6), (1, 7), (3, 17), (2, 2),
                  (5, 4)]:
        affine, bias, eps = next(options)
        layer = nn.LayerNorm(shape[1:], eps, bool(affine), bool(bias))
        norm_family_case(file, "layer_norm", layer, shape, ["1"], affine=affine, bias=bias, eps=eps)


def running_norm_cases(file, kind, make_layer, shapes, momenta):
    """Every combination of options, with shapes and eps in turn; two training batches and one evaluated."""
    shapes, eps = itertools.cycle(shapes), itertools.cycle([1e-5, 1e-2, 1e-5])
    for (affine, track), momentum in zip(itertools.cycle(itertools.product([1, 0], [1, 0])), momenta):
        shape, options = next(shapes), {"momentum": momentum, "eps": next(eps)}
        layer = make_layer(shape[1], affine=bool(affine), track_running_stats=bool(track), **options)
        norm_family_case(file, kind, layer, shape, ["1", "2", "_eval"], affine=affine, track=track, **options)


def instance_norm_cases(file):
    running_norm_cases(file, "instance_norm", nn.InstanceNorm2d, [(2, 3, 3, 4), (1, 4, 2, 2), (3, 2, 3, 1)],
                       [0.1, 0.1, 0.3, 0.1, 1.0, 0.3, 0.1, 0.1, 0.0])


def batch_norm1d_cases(file):
    running_norm_cases(file, "batch_norm1d", nn.BatchNorm1d, [(4, 3), (2, 5), (7, 2)],
                       [0.1, 0.1, None, 0.3, None, 0.1, 0.3, 0.1, 1.0])

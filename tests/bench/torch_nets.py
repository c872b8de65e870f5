"""The networks of apps/norma/bench_nets.cpp and apps/norma/models.cpp in PyTorch. compare_torch.py stops where the
two differ in their number of parameters."""
from torch import nn


class Residual(nn.Module):
    def __init__(self, body, shortcut=None):
        super().__init__()
        self.body = body
        self.shortcut = shortcut or nn.Identity()

    def forward(self, x):
        return self.body(x) + self.shortcut(x)


def conv(channels, width, kernel=3, stride=1, padding=1):
    return nn.Conv2d(channels, width, kernel, stride=stride, padding=padding, bias=False)


def block(channels, width, pool=None):
    layers = [conv(channels, width), nn.BatchNorm2d(width), nn.ReLU()]
    if pool == "before norm":
        layers.insert(1, nn.MaxPool2d(2))
    if pool == "after relu":
        layers.append(nn.MaxPool2d(2))
    return layers


def with_mean(plan):
    """Channels of the convolutions; 0 is a 2x2 max pooling."""
    layers, channels = [], 3
    for width in plan:
        layers += block(channels, width) if width else [nn.MaxPool2d(2)]
        channels = width or channels
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


def bench():
    layers, channels = [], 3
    for width in (32, 64, 128):
        layers += block(channels, width) + block(width, width, "after relu")
        channels = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(2048, 10))


def air():
    layers, channels = [conv(3, 24, kernel=2, padding=0), nn.ReLU()], 24
    for width in (64, 256, 256):
        layers += block(channels, width, "before norm") + block(width, width)
        channels = width
    return nn.Sequential(*layers, nn.MaxPool2d(3), nn.Flatten(), nn.Linear(256, 10))


def stage(channels, width, stride):
    body = nn.Sequential(conv(channels, width, stride=stride), nn.BatchNorm2d(width), nn.ReLU(), conv(width, width),
                         nn.BatchNorm2d(width))
    if stride == 1:
        return [Residual(body), nn.ReLU()]
    shortcut = nn.Sequential(conv(channels, width, kernel=1, stride=stride, padding=0), nn.BatchNorm2d(width))
    return [Residual(body, shortcut), nn.ReLU()]


def resnet():
    return nn.Sequential(*block(3, 32), *stage(32, 32, 1), *stage(32, 64, 2), *stage(64, 128, 2),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))


NETS = {
    "bench": bench,
    "air": air,
    "cnn": lambda: with_mean([32, 32, 0, 64, 64, 0, 128, 128, 0, 256]),
    "small": lambda: with_mean([16, 0, 32, 0, 64, 0, 64]),
    "resnet": resnet,
}

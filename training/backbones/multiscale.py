"""What MSDNet and RANet share: convolutions, the stem that makes every resolution, and the exits of their papers.

Both networks answer after every block, so here an exit is part of the architecture: a tap, an identity module that
gives the map that the exit reads, and the papers' head on it. Shapes: B batch, C channels, H x W map, K classes.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from eeinfer.errors import ConfigError, unknown
from eeinfer.training.backbones.base import Task

STEMS = ("small", "standard")  # 3x3 of stride 1 for small images; 7x7 of stride 2 and a max-pool for ImageNet

MapShape = tuple[int, int, int]  # C, H, W


def halved(size: tuple[int, int]) -> tuple[int, int]:
    """Return (H, W) of a map behind a 3x3 convolution of stride 2 and padding 1."""
    return -(-size[0] // 2), -(-size[1] // 2)


def head_channels(head_width: int, stem: str) -> int:
    """Return the channels inside a head; -1 stands for the papers': 128 behind the small stem, else the map's (0)."""
    return head_width if head_width >= 0 else 128 if stem == "small" else 0


def conv_block(channels: int, width: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Build a convolution without bias, BatchNorm and ReLU, padded to keep the map's size at stride 1."""
    conv = nn.Conv2d(channels, width, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(width), nn.ReLU())


def dense_conv(channels: int, width: int, factor: int | None, stride: int = 1) -> nn.Sequential:
    """Build the 3x3 convolution of a dense layer behind a 1x1 one that leaves it at most `factor` * `width` channels.

    ``factor=None`` leaves the 1x1 convolution out.
    """
    if factor is None:
        return conv_block(channels, width, 3, stride)
    inner = min(channels, factor * width)
    return nn.Sequential(conv_block(channels, inner, 1), conv_block(inner, width, 3, stride))


class Stem(nn.Module):
    """The image at every resolution, from the finest to the coarsest, each convolved from the one before."""

    def __init__(self, task: Task, widths: Sequence[int], strides: Sequence[int], kind: str) -> None:
        super().__init__()
        if kind not in STEMS:
            raise ConfigError(unknown("stem", kind, STEMS))
        size = task.size
        if kind == "small":
            self.convs = nn.ModuleList([conv_block(task.in_channels, widths[0])])
        else:
            first = conv_block(task.in_channels, widths[0], 7, 2).append(nn.MaxPool2d(3, 2, 1))
            self.convs, size = nn.ModuleList([first]), halved(halved(size))
        self.shapes: list[MapShape] = [(widths[0], *size)]
        for channels, width, stride in zip(widths[:-1], widths[1:], strides, strict=True):
            self.convs.append(conv_block(channels, width, 3, stride))
            size = halved(size) if stride == 2 else size
            self.shapes.append((width, *size))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map images [B,C,H,W] to one map per entry of `widths`."""
        maps = []
        for conv in self.convs:
            x = conv(x)
            maps.append(x)
        return maps


class StridedReduction(nn.Module):
    """A map to a vector: two convolutions of stride 2 and a 2x2 average; ``width`` is the vector's length.

    Maps of 5 to 12 pixels end at one pixel, as all do in the papers. A larger one keeps more, a smaller one is
    averaged over what is left of it.
    """

    def __init__(self, shape: MapShape, channels: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(conv_block(shape[0], channels, 3, 2), conv_block(channels, channels, 3, 2))
        height, width = halved(halved(shape[1:]))
        self.pool = nn.AvgPool2d((min(2, height), min(2, width)))
        self.width = channels * max(1, height // 2) * max(1, width // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B,C,H,W] to [B,width]."""
        vector: Tensor = self.pool(self.convs(x)).flatten(1)
        return vector


class StridedHead(nn.Module):
    """The classifier of MSDNet and RANet (METHODS 3.6): a reduction, then one linear layer."""

    def __init__(self, shape: MapShape, channels: int, num_classes: int) -> None:
        super().__init__()
        self.reduce = StridedReduction(shape, channels)
        self.classify = nn.Linear(self.reduce.width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B,C,H,W] to logits [B,K]."""
        logits: Tensor = self.classify(self.reduce(x))
        return logits


class MultiScaleNetwork(nn.Module):
    """Base of the networks whose blocks all end in an exit; by itself it answers at the last one only.

    A subclass yields one map per exit in `exit_maps`, each through its own module of `taps`.

    Args:
        exit_shapes: (C, H, W) of the map that each exit reads, in order.
        num_classes: K.
        head_width: channels inside a head; 0 takes those of its map.
    """

    def __init__(self, exit_shapes: Sequence[MapShape], num_classes: int, head_width: int) -> None:
        super().__init__()
        self.exit_shapes = tuple(exit_shapes)
        self.num_classes = num_classes
        self.head_width = head_width
        # A hook here sees the exit's map; what it returns goes on into the next block.
        self.taps = nn.ModuleList(nn.Identity() for _ in exit_shapes)
        self.head = self.make_head(len(exit_shapes) - 1)
        self.slots = tuple(f"taps.{k}" for k in range(len(exit_shapes) - 1))

    def make_head(self, k: int) -> StridedHead:
        """Build the papers' head for exit `k`."""
        shape = self.exit_shapes[k]
        return StridedHead(shape, self.head_width or shape[0], self.num_classes)

    def exit_maps(self, x: Tensor) -> Iterator[Tensor]:
        """Yield the map [B,C,H,W] that each exit reads; who stops asking leaves the rest uncomputed."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Map images [B,C,H,W] to the logits [B,K] of the last exit."""
        *_, last = self.exit_maps(x)
        logits: Tensor = self.head(last)
        return logits


def initialise(module: nn.Module) -> None:
    """Draw every convolution by He's rule on its outputs and start linear layers without bias."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(part, nn.Linear):
            torch.nn.init.zeros_(part.bias)

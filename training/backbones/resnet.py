"""Residual networks (He et al., CVPR 2016): the CIFAR family of depth 6n+2, and ResNet-18/34/50 with either stem.

Written for small images: no max-pool behind either stem, as in "Joint or Disjoint" (METHODS 4.3). Where a block
changes the shape its shortcut is a 1x1 convolution with BatchNorm.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eeinfer.errors import ConfigError, unknown
from eeinfer.training.backbones.base import Task

CIFAR_DEPTHS = (8, 14, 20, 32, 44, 56, 110)
STEMS = {"small": (3, 1, 1), "standard": (7, 2, 3)}  # kernel, stride, padding


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut."""

    expansion = 1

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.shortcut = _shortcut(channels, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B,channels,H,W] to [B,width,H/stride,W/stride], after the ReLU."""
        inner = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(inner + self.shortcut(x))


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions around a shortcut; four times as wide outside as inside."""

    expansion = 4

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * self.expansion)
        self.shortcut = _shortcut(channels, width * self.expansion, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B,channels,H,W] to [B,4*width,H/stride,W/stride], after the ReLU."""
        inner = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        return F.relu(self.bn3(self.conv3(inner)) + self.shortcut(x))


def _shortcut(channels: int, width: int, stride: int) -> nn.Module:
    if stride == 1 and channels == width:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))


class ResNet(nn.Module):
    """Stem, stages ``layer1``, ``layer2``, ..., average pool, linear classifier."""

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        depths: Sequence[int],
        widths: Sequence[int],
        stem: str,
        task: Task,
    ) -> None:
        super().__init__()
        kernel, stride, padding = STEMS[stem]
        self.conv1 = nn.Conv2d(task.in_channels, widths[0], kernel, stride, padding, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.num_stages = len(depths)
        channels = widths[0]
        for number, (depth, width) in enumerate(zip(depths, widths, strict=True), start=1):
            stage = nn.Sequential()
            for index in range(depth):
                stage.append(block(channels, width, 2 if number > 1 and index == 0 else 1))
                channels = width * block.expansion
            self.add_module(f"layer{number}", stage)
        self.fc = nn.Linear(channels, task.num_classes)
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        """Map images [B,C,H,W] to logits [B,K]."""
        x = F.relu(self.bn1(self.conv1(x)))
        for number in range(1, self.num_stages + 1):
            x = self.get_submodule(f"layer{number}")(x)
        logits: Tensor = self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))
        return logits


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def cifar_resnet(task: Task, *, depth: int = 20, width: int = 16) -> nn.Module:
    """Build the ResNet of depth 6n+2 for small images, its stages `width`, 2 and 4 times `width` channels wide."""
    if depth not in CIFAR_DEPTHS:
        raise ConfigError(unknown("depth of the CIFAR ResNets", depth, map(str, CIFAR_DEPTHS)))
    return ResNet(BasicBlock, [(depth - 2) // 6] * 3, [width, 2 * width, 4 * width], "small", task)


def resnet(task: Task, *, depth: int = 34, stem: str = "small") -> nn.Module:
    """Build ResNet-18, 34 or 50 with the 3x3 stem of stride 1 ("small") or the 7x7 stem of stride 2 ("standard")."""
    if stem not in STEMS:
        raise ConfigError(unknown("stem", stem, STEMS))
    layout: dict[int, tuple[type[BasicBlock] | type[Bottleneck], list[int]]]
    layout = {18: (BasicBlock, [2, 2, 2, 2]), 34: (BasicBlock, [3, 4, 6, 3]), 50: (Bottleneck, [3, 4, 6, 3])}
    block, depths = layout[depth]
    return ResNet(block, depths, [64, 128, 256, 512], stem, task)

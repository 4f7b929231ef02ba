"""Head shapes by name: what turns a feature into the vector that a head's linear layers read.

`HeadConfig.type` chooses. The convolution stacks and the token heads follow the table of "Joint or Disjoint"
(METHODS 4.4 and 7.3); a map that a shape cannot take is refused when the head is built.
Shapes: B batch, C channels, H x W map, T tokens, D width.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn

from eeinfer.errors import ConfigError
from eeinfer.training.backbones.multiscale import StridedReduction, initialise
from eeinfer.training.config import HeadConfig
from eeinfer.training.heads.features import FeatureSpec
from eeinfer.training.heads.reductions import MixedPool, PooledMap, Reduction, reduction

Step: TypeAlias = tuple[int, int, int]  # kernel, stride, padding

# Channels are divided by the first number of each layer, one layer after another; the second is its stride.
CONV_STACKS: dict[str, tuple[tuple[int, int], ...]] = {
    "conv_1l": ((2, 2),),
    "conv_2l": ((1, 2), (2, 1)),
    "conv_3l": ((1, 2), (1, 1), (2, 1)),
    "conv_4l": ((2, 1), (1, 1), (1, 2), (2, 1)),
    "conv_5l": ((2, 1), (1, 1), (1, 1), (1, 1), (1, 1)),
}
MSD_WIDTH = 128  # of MSDNet's classifiers on CIFAR
POOLER_DROPOUT = 0.1  # of BERT


class MapBody(nn.Module):
    """Layers on a map and the result as one vector; channels-last maps are turned first."""

    def __init__(self, spec: FeatureSpec, layers: nn.Module) -> None:
        super().__init__()
        self.channels_last = spec.channels_last
        self.layers = layers.eval()  # measuring must not move BatchNorm's statistics
        with torch.no_grad():
            self.width = self.layers(torch.zeros(1, *map_shape(spec, "a head of convolutions"))).flatten(1).shape[1]
        self.layers.train()

    def forward(self, x: Tensor) -> Tensor:
        """Map [B,C,H,W] (or [B,H,W,C]) to [B,width]."""
        features: Tensor = self.layers(x.permute(0, 3, 1, 2) if self.channels_last else x)
        return features.flatten(1)


class Pooler(nn.Module):
    """BERT's pooler: the class token (or the mean of the tokens) through a linear layer, tanh and dropout."""

    def __init__(self, spec: FeatureSpec) -> None:
        super().__init__()
        self.token = reduction(spec)
        self.width = self.token.width
        self.pool = nn.Linear(self.width, self.width)
        self.dropout = nn.Dropout(POOLER_DROPOUT)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B,T,D] to [B,D]."""
        pooled: Tensor = self.dropout(torch.tanh(self.pool(self.token(x))))
        return pooled


Body: TypeAlias = Reduction | MapBody | Pooler


def map_shape(spec: FeatureSpec, head: str) -> tuple[int, int, int]:
    """Return (C, H, W) of the map that an exit reads.

    Raises:
        ConfigError: the exit reads tokens or a vector.
    """
    if spec.kind != "map":
        raise ConfigError(f"{spec.place}: {head} reads a map, not {spec.kind} {spec.shape}; use another head")
    first, second, third = spec.shape
    return (third, first, second) if spec.channels_last else (first, second, third)


def check_map(spec: FeatureSpec, head: str, steps: Sequence[Step]) -> tuple[int, int, int]:
    """Return (C, H, W) if every one of `steps` finds at least one position on the map.

    Raises:
        ConfigError: the map is too small; the message says what it would take.
    """
    channels, height, width = map_shape(spec, head)
    needed = next(side for side in itertools.count(1) if shrunk(side, steps))
    if min(height, width) < needed:
        raise ConfigError(
            f"{spec.place}: {head} needs a map of at least {needed} x {needed} and finds {height} x {width}; "
            "place the exit earlier, raise image_size or use another head"
        )
    return channels, height, width


def shrunk(side: int, steps: Sequence[Step]) -> int:
    """Return the side that convolutions or pools (kernel, stride, padding) leave of `side`; 0 if nothing is left."""
    for kernel, stride, padding in steps:
        side = (side + 2 * padding - kernel) // stride + 1
        if side < 1:
            return 0
    return side


def conv_stack(spec: FeatureSpec, config: HeadConfig) -> MapBody:
    """Build ReLU and a 3x3 convolution without padding, once or several times, then mixed pooling to 4 x 4."""
    stack = CONV_STACKS[config.type]
    steps = [(3, stride, 0) for _, stride in stack]
    channels, height, width = check_map(spec, f"head {config.type}", steps)
    layers = nn.Sequential()
    for divisor, stride in stack:
        layers.extend([nn.ReLU(), nn.Conv2d(channels, max(1, channels // divisor), 3, stride)])
        channels = max(1, channels // divisor)
    return MapBody(spec, layers.append(MixedPool(config.pool or 4, shrunk(height, steps), shrunk(width, steps))))


def conv_same(spec: FeatureSpec, config: HeadConfig) -> MapBody:
    """Build a padded 3x3 convolution, ReLU and mixed pooling to 4 x 4 (ZTW, Wolczyk et al., NeurIPS 2021, CV code)."""
    channels, height, width = map_shape(spec, "head conv_same")
    out = config.width or channels
    return MapBody(
        spec, nn.Sequential(nn.Conv2d(channels, out, 3, 1, 1), nn.ReLU(), MixedPool(config.pool or 4, height, width))
    )


def msd(spec: FeatureSpec, config: HeadConfig) -> MapBody:
    """Build MSDNet's classifier (Huang et al., ICLR 2018, 3.6): twice Conv s2 + BN + ReLU, then a 2x2 mean."""
    shape = map_shape(spec, "head msd")
    layers = StridedReduction(shape, MSD_WIDTH if config.width is None else config.width or shape[0])
    initialise(layers)
    return MapBody(spec, layers)


def pooler_tanh(spec: FeatureSpec, config: HeadConfig) -> Pooler:
    """Build BERT's pooler, which PABEE and GPF have in front of every classifier."""
    if spec.kind == "map":
        raise ConfigError(f"{spec.place}: head pooler_tanh reads tokens, not a map {spec.shape}; use another type")
    return Pooler(spec)


def swin(spec: FeatureSpec, config: HeadConfig) -> PooledMap:
    """Build the mixed pooling of a whole map to one cell, channels-last or not."""
    map_shape(spec, "head swin")
    return PooledMap(spec, config.pool or 1)


BODIES: dict[str, Callable[[FeatureSpec, HeadConfig], Body]] = {
    "standard": lambda spec, config: reduction(spec, config.pool),
    **dict.fromkeys(CONV_STACKS, conv_stack),
    "conv_same": conv_same,
    "msd": msd,
    "pooler_tanh": pooler_tanh,
    "swin": swin,
}
_WITH_WIDTH = ("conv_same", "msd")
_WITHOUT_POOL = ("msd", "pooler_tanh")


def build_body(spec: FeatureSpec, config: HeadConfig) -> Body:
    """Build what turns the feature of one exit into a vector; its length is the attribute ``width``.

    Raises:
        ConfigError: the feature is of the wrong kind or too small, or a setting has no meaning for this type.
    """
    if config.width is not None and config.type not in _WITH_WIDTH:
        raise ConfigError(f"width is {config.width}, and head {config.type} has no width to set; leave it out")
    if config.pool is not None and config.type in _WITHOUT_POOL:
        raise ConfigError(f"pool is {config.pool}, and head {config.type} has no mixed pooling; leave it out")
    return BODIES[config.type](spec, config)

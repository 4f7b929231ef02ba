"""Resolution adaptive networks (Yang et al., CVPR 2020): sub-networks from low to high resolution, each of which
fuses the features of the one before, layer by layer, and only then goes deeper and exits (METHODS 3.7).

Sub-networks count from 0, the coarsest; level 1 is the coarsest resolution, each further level doubles it.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn

from eeinfer.errors import ConfigError, unknown
from eeinfer.training.backbones.base import Task
from eeinfer.training.backbones.multiscale import MapShape, MultiScaleNetwork, Stem, halved, head_channels, initialise
from eeinfer.training.backbones.options import at_least, numbers, same_length, thinned
from eeinfer.training.backbones.ranet_blocks import DenseBlock, FusionBlock, FusionLayer
from eeinfer.training.config import Option

STEP_MODES = ("even", "lg")
_IMAGENET: dict[str, Option] = {
    "step": 8,
    "growth": 16,
    "scale_list": "1-2-3-4",
    "gr_factor": "4-2-2-1",
    "bn_factor": "4-2-2-1",
    "stem": "standard",
}
# Name -> what it fixes of `ranet`'s options. Those of CIFAR and ImageNet are the paper's settings.
RANETS: dict[str, dict[str, Option]] = {
    "ranet": {},
    "ranet_cifar_even": {
        "step": 4,
        "step_mode": "even",
        "scale_list": "1-2-3-3",
        "gr_factor": "4-2-1-1",
        "bn_factor": "4-2-1-1",
    },
    "ranet_cifar_lg": {"step": 2, "step_mode": "lg", "scale_list": "1-2-3", "gr_factor": "4-2-1", "bn_factor": "4-2-1"},
    **{f"ranet_imagenet_{channels}": {**_IMAGENET, "n_channels": channels} for channels in (32, 64)},
    "ranet_tiny": {
        "n_blocks": 1,
        "block_step": 1,
        "step": 2,
        "n_channels": 8,
        "growth": 4,
        "scale_list": "1-2-2",
        "gr_factor": "2-1-1",
        "bn_factor": "2-1-1",
        "head_width": 16,
    },
}


class RANet(MultiScaleNetwork):
    """The stem's maps, each through its sub-network; exits behind the blocks that the sub-network before lacks."""

    def __init__(self, stem: Stem, parts: list[nn.ModuleList], exits: list[MapShape], classes: int, width: int) -> None:
        super().__init__(exits, classes, width)
        self.stem = stem
        self.subnetworks = nn.ModuleList(parts)
        initialise(self)

    def exit_maps(self, x: Tensor) -> Iterator[Tensor]:
        """Yield the map [B,C,H,W] behind every block that has an exit."""
        taps = iter(self.taps)
        low: list[list[Tensor]] = []
        for blocks, start in zip(self.subnetworks, reversed(self.stem(x)), strict=True):
            assert isinstance(blocks, nn.ModuleList)
            x, made = start, []
            for number, block in enumerate(blocks):
                fuses = number < len(low)
                x, steps = block(x, low[number]) if fuses else block(x)
                made.append(steps)
                if not fuses:
                    x = next(taps)(x)
                    yield x
            low = made


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How deep and how wide every sub-network is."""

    levels: tuple[int, ...]  # resolution of each sub-network, 1 for the coarsest
    blocks: tuple[int, ...]  # blocks in each
    step: int
    step_mode: str
    growths: tuple[int, ...]  # channels that a layer of each adds
    bottlenecks: tuple[int, ...]
    compress: float  # share of a fusion's channels that comes from the sub-network before
    reduction: float  # share of the channels that a transition keeps

    def num_layers(self, block: int) -> int:
        """Return the number of layers of `block`; blocks count from 1."""
        return self.step if self.step_mode == "even" else self.step * block

    def has_transition(self, number: int, block: int) -> bool:
        """Say whether `block` of sub-network `number` thins its channels: one does at each of its level's parts."""
        level, blocks = self.levels[number], self.blocks[number]
        return block in {part * blocks // level for part in range(1, level)}

    def halves(self, number: int, block: int) -> bool:
        """Say whether `block` halves the resolution: the last fused parts do, until the coarsest one is reached."""
        level = self.levels[number]
        return level > 1 and block in self.blocks[:number][-(level - 1) :]


class _SubNetwork:
    """Stacks the blocks of one sub-network, and notes the channels of their maps for the next one."""

    def __init__(self, layout: Layout, number: int, shape: MapShape, low: list[list[int]]) -> None:
        self.layout = layout
        self.number = number
        self.channels, *size = shape
        self.size = (size[0], size[1])
        self.growth, self.factor = layout.growths[number], layout.bottlenecks[number]
        self.blocks = nn.ModuleList()
        self.steps: list[list[int]] = []  # channels before and behind each layer of each block
        self.exits: list[MapShape] = []
        for block in range(1, layout.blocks[number] + 1):
            self._add(block, low[block - 1] if block <= len(low) else None)

    def _add(self, block: int, low: list[int] | None) -> None:
        num_layers = self.layout.num_layers(block)
        self.steps.append([self.channels + i * self.growth for i in range(num_layers + 1)])
        end = self.steps[-1][-1]
        from_low = math.floor(end * self.layout.compress) if low else 0
        self.channels = end + from_low
        width = None
        if self.layout.has_transition(self.number, block):
            self.channels = width = thinned(self.channels, self.layout.reduction)
        if low:
            self.blocks.append(FusionBlock(self._fusion_layers(block, low), end, (low[-1], from_low), width))
        else:
            self.blocks.append(DenseBlock(self.steps[-1][0], num_layers, self.growth, self.factor, width))
            self.exits.append((self.channels, *self.size))

    def _fusion_layers(self, block: int, low: list[int]) -> list[FusionLayer]:
        from_low = math.floor(self.growth * self.layout.compress)
        widths, factors = (self.growth - from_low, from_low), (self.factor, self.layout.bottlenecks[self.number - 1])
        strides = [1] * (len(low) - 1)
        if self.layout.halves(self.number, block):
            strides[-1], self.size = 2, halved(self.size)
        shapes = zip(self.steps[-1][:-1], low[:-1], strides, strict=True)
        return [FusionLayer(channels, lower, widths, factors, stride) for channels, lower, stride in shapes]


def ranet(
    task: Task,
    *,
    n_blocks: int = 2,
    block_step: int = 2,
    step: int = 4,
    step_mode: str = "even",
    n_channels: int = 16,
    growth: int = 6,
    scale_list: str = "1-2-3",
    gr_factor: str = "4-2-1",
    bn_factor: str = "4-2-1",
    compress: float = 0.25,
    reduction: float = 0.5,
    stem: str = "small",
    head_width: int = -1,
) -> RANet:
    """Build a RANet; the defaults are a network of three resolutions for CIFAR.

    Args:
        task: images and classes.
        n_blocks: blocks of the first sub-network.
        block_step: how many more each later one has; as many exits.
        step: layers per block ("even"), or what block i has more of them than block i-1 ("lg").
        step_mode: even or lg.
        n_channels: channels of the stem's map where its factor is 1.
        growth: channels that a layer adds where its factor is 1.
        scale_list: the level of each sub-network, from 1 (coarsest) up; the same again or one more each time.
        gr_factor: what multiplies `n_channels` and `growth` in each sub-network.
        bn_factor: how many times its output a layer's 1x1 convolution is wide, in each sub-network.
        compress: share of a fusion's channels that comes from the sub-network before.
        reduction: share of the channels that transitions keep.
        stem: small (3x3, stride 1) or standard (7x7, stride 2, max-pool).
        head_width: channels inside a head; 0 takes the map's, -1 what the paper has: 128 behind the small stem, the
            map's behind the standard one.

    Raises:
        ConfigError: an option out of range.
    """
    factors = {"scale_list": scale_list, "gr_factor": gr_factor, "bn_factor": bn_factor}
    levels, growths, bottlenecks = (numbers(option, text) for option, text in factors.items())
    same_length(scale_list=levels, gr_factor=growths, bn_factor=bottlenecks)
    at_least(1, n_blocks=n_blocks, block_step=block_step, step=step, n_channels=n_channels, growth=growth)
    at_least(-1, head_width=head_width)
    _check(step_mode, levels, growth * min(growths[1:], default=1), compress, reduction)
    layout = Layout(
        levels=levels,
        blocks=tuple(n_blocks + block_step * number for number in range(len(levels))),
        step=step,
        step_mode=step_mode,
        growths=tuple(growth * factor for factor in growths),
        bottlenecks=bottlenecks,
        compress=compress,
        reduction=reduction,
    )
    widths = [n_channels * factor for factor in reversed(growths)]
    strides = [1 + (finer > coarser) for finer, coarser in zip(levels[:0:-1], levels[-2::-1], strict=True)]
    first = Stem(task, widths, strides, stem)
    parts, exits = _stacked(layout, first.shapes)
    return RANet(first, parts, exits, task.num_classes, head_channels(head_width, stem))


def _stacked(layout: Layout, shapes: Sequence[MapShape]) -> tuple[list[nn.ModuleList], list[MapShape]]:
    """Return the blocks of every sub-network, from the coarsest on, and the maps that the exits read."""
    parts: list[nn.ModuleList] = []
    exits: list[MapShape] = []
    low: list[list[int]] = []
    for number, shape in enumerate(reversed(shapes)):
        part = _SubNetwork(layout, number, shape, low)
        parts.append(part.blocks)
        exits += part.exits
        low = part.steps
    return parts, exits


def _check(step_mode: str, levels: tuple[int, ...], growth: int, compress: float, reduction: float) -> None:
    if step_mode not in STEP_MODES:
        raise ConfigError(unknown("step_mode", step_mode, STEP_MODES))
    rises = [later - earlier for earlier, later in pairwise(levels)]
    if levels[0] != 1 or set(rises) - {0, 1}:
        raise ConfigError(f"scale_list is {'-'.join(map(str, levels))}; start at 1 and go on with the same or one more")
    if len(levels) > 1 and not 1 <= math.floor(growth * compress) < growth:
        raise ConfigError(f"compress is {compress!r}; of the {growth} channels of a layer it must leave some, not all")
    if not 0 < reduction <= 1:
        raise ConfigError(f"reduction is {reduction!r}; allowed are numbers above 0, to 1")

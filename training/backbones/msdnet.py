"""Multi-scale dense networks (Huang et al., ICLR 2018): every layer works at several resolutions, and every block
ends in an exit that reads the coarsest one, so early exits find coarse features early (METHODS 3.6).

Maps stand from the finest to the coarsest. With depth the finest are dropped: no later exit reads them.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn

from eeinfer.errors import ConfigError, unknown
from eeinfer.training.backbones.base import Task
from eeinfer.training.backbones.msdnet_blocks import DenseScale, MultiScaleLayer, Transition
from eeinfer.training.backbones.multiscale import MapShape, MultiScaleNetwork, Stem, head_channels, initialise
from eeinfer.training.backbones.options import at_least, numbers, same_length, thinned
from eeinfer.training.config import Option

STEP_MODES = ("even", "lin_grow")
PRUNINGS = ("max", "min")
_IMAGENET: dict[str, Option] = {
    "n_blocks": 5,
    "n_channels": 32,
    "growth": 16,
    "gr_factor": "1-2-4-4",
    "bn_factor": "1-2-4-4",
    "stem": "standard",
}
# Name -> what it fixes of `msdnet`'s options. The first two and those of ImageNet are the papers' settings.
MSDNETS: dict[str, dict[str, Option]] = {
    "msdnet": {},
    "msdnet_cifar_anytime": {"n_blocks": 7, "base": 4, "step": 2, "step_mode": "even"},
    "msdnet_cifar_batch": {"n_blocks": 5, "base": 1, "step": 1, "step_mode": "lin_grow"},
    **{f"msdnet_imagenet_{step}": {**_IMAGENET, "base": step, "step": step} for step in (4, 6, 7)},
    "msdnet_tiny": {
        "n_blocks": 3,
        "base": 2,
        "step": 1,
        "n_channels": 8,
        "growth": 4,
        "gr_factor": "1-2",
        "bn_factor": "1-2",
        "head_width": 16,
    },
}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How many layers there are, and at how many scales each of them works."""

    blocks: tuple[int, ...]  # layers in each block
    num_scales: int
    prune: str  # max: an equal number of layers per scale dropped; min: each scale kept as long as an exit needs it
    reduction: float  # share of the channels that a transition keeps; 0 for no transitions

    @property
    def depth(self) -> int:
        """Layers of all blocks."""
        return sum(self.blocks)

    def scales(self, layer: int) -> int:
        """Return at how many scales `layer` gives maps; layers count from 1, and layer 0 is the stem."""
        if layer == 0:
            return self.num_scales
        if self.prune == "min":
            return min(self.num_scales, self.depth - layer + 1)
        return self.num_scales - (layer - 1) // math.ceil(self.depth / self.num_scales)

    def has_transition(self, layer: int) -> bool:
        """Say whether channels are reduced behind `layer`: where scales are dropped, or at each third of the depth."""
        if not self.reduction:
            return False
        if self.prune == "min":
            return layer in (self.depth // 3, 2 * self.depth // 3)
        return self.scales(layer) < self.scales(layer - 1)


class MSDNet(MultiScaleNetwork):
    """The stem, then blocks of multi-scale layers, each with an exit on its coarsest map."""

    def __init__(self, stem: Stem, blocks: list[nn.Sequential], exits: list[MapShape], classes: int, width: int):
        super().__init__(exits, classes, width)
        self.stem = stem
        self.blocks = nn.ModuleList(blocks)
        initialise(self)

    def exit_maps(self, x: Tensor) -> Iterator[Tensor]:
        """Yield the coarsest map [B,C,H,W] behind every block."""
        maps = self.stem(x)
        for block, tap in zip(self.blocks, self.taps, strict=True):
            *finer, coarsest = block(maps)
            maps = [*finer, tap(coarsest)]
            yield maps[-1]


class _Builder:
    """Stacks layers; `base` is the number of channels before each scale's own factor multiplies it."""

    def __init__(
        self, layout: Layout, base: int, growth: int, growths: tuple[int, ...], bottlenecks: tuple[int, ...] | None
    ):
        self.layout = layout
        self.base = base
        self.growth = growth
        self.growths = growths
        self.bottlenecks = bottlenecks
        self.layer = 0

    def block(self, num_layers: int) -> nn.Sequential:
        parts = nn.Sequential()
        for _ in range(num_layers):
            self.layer += 1
            parts.append(self._dense_layer())
            if self.layout.has_transition(self.layer):
                parts.append(self._transition())
        return parts

    def _dense_layer(self) -> MultiScaleLayer:
        first_in, first = (len(self.growths) - self.layout.scales(layer) for layer in (self.layer - 1, self.layer))
        scales = [self._scale(scale, has_finer=scale > first_in) for scale in range(first, len(self.growths))]
        self.base += self.growth
        return MultiScaleLayer(scales)

    def _scale(self, scale: int, has_finer: bool) -> DenseScale:
        return DenseScale(
            self.base * self.growths[scale],
            self.growth * self.growths[scale],
            self._bottleneck(scale),
            self.base * self.growths[scale - 1] if has_finer else None,
            self._bottleneck(scale - 1) if has_finer else None,
        )

    def _bottleneck(self, scale: int) -> int | None:
        return self.bottlenecks[scale] if self.bottlenecks else None

    def _transition(self) -> Transition:
        factors = self.growths[len(self.growths) - self.layout.scales(self.layer) :]
        before, self.base = self.base, thinned(self.base, self.layout.reduction)
        return Transition([before * factor for factor in factors], [self.base * factor for factor in factors])


def msdnet(
    task: Task,
    *,
    n_blocks: int = 7,
    base: int = 4,
    step: int = 2,
    step_mode: str = "even",
    n_channels: int = 16,
    growth: int = 6,
    gr_factor: str = "1-2-4",
    bn_factor: str = "1-2-4",
    bottleneck: bool = True,
    prune: str = "max",
    reduction: float = 0.5,
    stem: str = "small",
    head_width: int = -1,
) -> MSDNet:
    """Build an MSDNet; the defaults are the any-time network for CIFAR.

    Args:
        task: images and classes.
        n_blocks: blocks, and so exits.
        base: layers of the first block.
        step: layers of every later block ("even"), or what block i has more of them than block i-1 ("lin_grow").
        step_mode: even or lin_grow.
        n_channels: channels of the finest map behind the stem, where its factor is 1.
        growth: channels that a layer adds to the finest map, where its factor is 1.
        gr_factor: what multiplies both at each scale, from the finest to the coarsest; as many scales as numbers.
        bn_factor: how many times its output a layer's 1x1 convolution is wide, at each scale.
        bottleneck: whether layers have that 1x1 convolution.
        prune: when finer scales end: max (spread over the depth) or min (as late as possible).
        reduction: share of the channels that transitions keep; 0 for no transitions.
        stem: small (3x3, stride 1) or standard (7x7, stride 2, max-pool).
        head_width: channels inside a head; 0 takes the map's, -1 what the papers have: 128 behind the small stem, the
            map's behind the standard one.

    Raises:
        ConfigError: an option out of range.
    """
    growths, bottlenecks = numbers("gr_factor", gr_factor), numbers("bn_factor", bn_factor)
    same_length(gr_factor=growths, bn_factor=bottlenecks)
    _check(step_mode, prune, reduction)
    at_least(1, n_blocks=n_blocks, base=base, step=step, n_channels=n_channels)
    at_least(2, growth=growth)  # a layer splits it between two convolutions
    at_least(-1, head_width=head_width)
    later = [step if step_mode == "even" else step * i + 1 for i in range(1, n_blocks)]
    layout = Layout(blocks=(base, *later), num_scales=len(growths), prune=prune, reduction=reduction)
    builder = _Builder(layout, n_channels, growth, growths, bottlenecks if bottleneck else None)
    first = Stem(task, [n_channels * factor for factor in growths], [2] * (len(growths) - 1), stem)
    blocks, exits = [], []
    for num_layers in layout.blocks:
        blocks.append(builder.block(num_layers))
        exits.append((builder.base * growths[-1], *first.shapes[-1][1:]))
    return MSDNet(first, blocks, exits, task.num_classes, head_channels(head_width, stem))


def _check(step_mode: str, prune: str, reduction: float) -> None:
    if step_mode not in STEP_MODES:
        raise ConfigError(unknown("step_mode", step_mode, STEP_MODES))
    if prune not in PRUNINGS:
        raise ConfigError(unknown("prune", prune, PRUNINGS))
    if not 0 <= reduction <= 1:
        raise ConfigError(f"reduction is {reduction!r}; allowed are numbers from 0 to 1")

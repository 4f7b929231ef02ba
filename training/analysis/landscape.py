"""Loss landscapes: the loss on a plane through the weights (Fig. 1 and the appendix of "Joint or Disjoint").

Directions are normalised filter by filter (Li et al., "Visualizing the Loss Landscape of Neural Nets", NeurIPS 2018,
section 4): each filter of a direction is as long as the filter of the weights. One plane serves the total loss and
every exit. Two things of the paper's code are put right: the coordinates are those that were walked, in units of these
directions, and the second direction is orthogonal to the first.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from eeinfer.errors import ConfigError
from eeinfer.training.analysis.images import in_batches
from eeinfer.training.methods import exit_logits

GAUSSIAN, UNIFORM = "gaussian", "uniform"


@dataclass(frozen=True, kw_only=True)
class LandscapeConfig:
    """Which plane, and how far."""

    steps: int = 21  # points a side
    extent: float = 1.0  # from -extent to +extent, in lengths of the weights' filters
    directions: str = GAUSSIAN  # or "uniform"
    vectors: bool = (
        False  # whether biases and the weights of normalisation move too; Li et al. leave them where they are
    )
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 3 or self.steps % 2 == 0:
            raise ConfigError(f"steps is {self.steps}; give an odd number from 3 on, so that the weights are a point")
        if not 0 < self.extent < math.inf:
            raise ConfigError(f"extent is {self.extent}; give a number above 0")
        if self.directions not in (GAUSSIAN, UNIFORM):
            raise ConfigError(f"directions is {self.directions!r}; give {GAUSSIAN} or {UNIFORM}")


@dataclass(frozen=True, kw_only=True)
class Landscape:
    """Losses on a plane; S points a side, E exits. Row i, column j is weights + coordinates[i] a + coordinates[j] b."""

    coordinates: tuple[float, ...]  # [S]
    total: tuple[tuple[float, ...], ...]  # [S][S] mean over exits of the cross-entropy, in nats
    exits: tuple[tuple[tuple[float, ...], ...], ...]  # [E][S][S] of each exit


def landscape(model: nn.Module, x: Tensor, labels: Tensor, config: LandscapeConfig | None = None) -> Landscape:
    """Return the cross-entropy of every exit on a plane through the weights of a trained network.

    Args:
        model: in eval mode throughout, so that batch statistics stay; its weights are put back.
        x: prepared images [N,C,H,W], the same at every point.
        labels: [N].
        config: which plane; None takes the defaults.
    """
    config = config or LandscapeConfig()
    model.eval()
    weights = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    one, other = plane(weights, config)
    line = np.linspace(-config.extent, config.extent, config.steps).tolist()
    with restored(model, weights), torch.no_grad():
        points = []
        for a in line:
            for b in line:
                _move(model, weights, one, other, a, b)
                points.append(_losses(model, x, labels))
    losses = np.array(points).reshape(len(line), len(line), -1)
    return Landscape(
        coordinates=tuple(line),
        total=_rows(losses.mean(axis=2)),
        exits=tuple(_rows(losses[:, :, k]) for k in range(losses.shape[2])),
    )


def plane(weights: dict[str, Tensor], config: LandscapeConfig) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return two directions, orthogonal as wholes, normalised filter by filter; where one is 0 nothing moves."""
    draw = torch.Generator().manual_seed(config.seed)
    one = _normalised(_drawn(weights, config, draw), weights)
    other = _drawn(weights, config, draw)
    shadow = _dot(other, one) / max(_dot(one, one), 1e-30)
    other = _normalised({name: other[name] - shadow * one[name] for name in other}, weights)
    rest = _dot(other, one) / max(_dot(one, one), 1e-30)  # normalising has turned it a little
    return one, {name: other[name] - rest * one[name] for name in other}


def _drawn(weights: dict[str, Tensor], config: LandscapeConfig, draw: torch.Generator) -> dict[str, Tensor]:
    drawn = {}
    for name, weight in weights.items():
        if weight.dim() < 2 and not config.vectors:
            drawn[name] = torch.zeros_like(weight)
        elif config.directions == GAUSSIAN:
            drawn[name] = torch.randn(weight.shape, generator=draw)
        else:
            drawn[name] = torch.rand(weight.shape, generator=draw) * 2 - 1
    return drawn


def _normalised(direction: dict[str, Tensor], weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: _as_long(each, weights[name]) for name, each in direction.items()}


def _as_long(direction: Tensor, weight: Tensor) -> Tensor:
    """Make every filter, an index of the first axis, as long as the weight's; single numbers are filters of one."""
    rows, like = (each.reshape(len(each), -1) if each.dim() else each.reshape(1, 1) for each in (direction, weight))
    length = rows.norm(dim=1, keepdim=True)
    scaled: Tensor = rows * like.norm(dim=1, keepdim=True) / length.clamp_min(1e-30)
    return scaled.reshape(weight.shape)


def _dot(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    return float(sum((one[name].double() * other[name].double()).sum() for name in one))


@contextmanager
def restored(model: nn.Module, weights: dict[str, Tensor]) -> Iterator[None]:
    """Put the weights back, whatever happens."""
    try:
        yield
    finally:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(weights[name])


def _move(
    model: nn.Module, weights: dict[str, Tensor], one: dict[str, Tensor], other: dict[str, Tensor], a: float, b: float
) -> None:
    for name, parameter in model.named_parameters():
        parameter.copy_(weights[name] + a * one[name] + b * other[name])


def _losses(model: nn.Module, x: Tensor, labels: Tensor) -> list[float]:
    """Return the mean cross-entropy of every exit, in nats."""
    sums: Sequence[float] | None = None
    for batch, targets in zip(in_batches(x), in_batches(labels), strict=True):
        found = [
            float(nn.functional.cross_entropy(each, targets, reduction="sum")) for each in exit_logits(model(batch))
        ]
        sums = found if sums is None else [a + b for a, b in zip(sums, found, strict=True)]
    assert sums is not None
    return [each / len(labels) for each in sums]


def _rows(losses: np.ndarray) -> tuple[tuple[float, ...], ...]:
    return tuple(map(tuple, losses.tolist()))

"""Stages: the parts that a method's phase runs in, where its heads do not all train together."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from eeinfer.training.config import PhaseConfig

# (outputs of the method, labels [B], one factor per exit, label smoothing) -> scalar
StageLoss = Callable[[Any, Tensor, tuple[float, ...], float], Tensor]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One part of a phase: optimised, stopped and restored on its own."""

    settings: PhaseConfig
    name: str = ""  # for the metrics, where a phase has several
    frozen: frozenset[str] = frozenset()  # the method's modules that do not move, as paths below it
    loss: StageLoss | None = None  # None: the method's own

"""How long an analysis takes on this machine."""

from functools import cache
from time import perf_counter
from typing import TYPE_CHECKING

from eeinfer.bench.study.analyses.plan import AnalysisPlan
from eeinfer.training.analysis.features import layers_of
from eeinfer.training.analysis.information import SIGMAS, information
from eeinfer.training.analysis.rank import numerical_rank

if TYPE_CHECKING:
    from torch import Tensor, nn

_AROUND_S = 8.0  # starting a process, reading the data set four times
_PASSES = 3  # of a training step, in the time of forward ones


def analysis_seconds(model: "nn.Module", step: float, batch: int, plan: AnalysisPlan, chooses: bool) -> float:
    """Return the seconds of one analysis, from the time of a training step and of one layer's matrices.

    Args:
        model: the network.
        step: seconds of a training step that moves its whole backbone.
        batch: its images.
        plan: what is looked at.
        chooses: whether the noise is chosen here, which tries many.
    """
    forward = plan.forward_images * step / batch / _PASSES
    layers = len(layers_of(model))
    tried = 1 + 2 * len(SIGMAS) * chooses
    return _AROUND_S + forward + layers * (_rank_seconds(plan) + tried * _information_seconds(plan))


@cache
def _rank_seconds(plan: AnalysisPlan) -> float:
    features, began = _features(plan.rank_images, plan.rank_columns), perf_counter()
    numerical_rank(features)
    return perf_counter() - began


@cache
def _information_seconds(plan: AnalysisPlan) -> float:
    features, began = _features(plan.information_images, plan.information_columns), perf_counter()
    information(features, 1.0)
    return perf_counter() - began


def _features(images: int, columns: int) -> "Tensor":
    import torch

    return torch.rand(images, columns)

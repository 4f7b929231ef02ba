"""How often a later exit spoils what an earlier one had right (Kaya et al., "Shallow-Deep Networks", ICML 2019)."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from eeinfer.training.analysis.images import in_batches
from eeinfer.training.calibration.observe import all_logits


@dataclass(frozen=True, kw_only=True)
class Overthinking:
    """Shares of N images; E exits."""

    accuracy: tuple[float, ...]  # [E] of each exit
    spoiled: tuple[tuple[float, ...], ...]  # [E][E] right at exit i and wrong at exit j; 0 where j <= i
    destructive: float  # right at an earlier exit, wrong at the last
    wasteful: float  # right at the last, and at an earlier exit too: the rest was computed for nothing
    oracle: float  # right at any exit: what a perfect rule would reach


def overthinking(predictions: NDArray[np.int64], labels: NDArray[np.int64]) -> Overthinking:
    """Count it.

    Args:
        predictions: [N, E] the class that every exit gives to every image.
        labels: [N] the right ones.
    """
    right = predictions == labels[:, np.newaxis]
    earlier = right[:, :-1].any(axis=1) if right.shape[1] > 1 else np.zeros(len(right), np.bool_)
    spoiled = (right[:, :, np.newaxis] & ~right[:, np.newaxis, :]).mean(axis=0)
    return Overthinking(
        accuracy=tuple(right.mean(axis=0).tolist()),
        spoiled=tuple(map(tuple, np.triu(spoiled, 1).tolist())),
        destructive=float((earlier & ~right[:, -1]).mean()),
        wasteful=float((earlier & right[:, -1]).mean()),
        oracle=float(right.any(axis=1).mean()),
    )


@torch.no_grad()
def model_overthinking(model: nn.Module, x: Tensor, labels: Tensor) -> Overthinking:
    """Count it for a trained network on prepared images [N,C,H,W] with labels [N]."""
    model.eval()
    logits, _ = all_logits(model, zip(in_batches(x), in_batches(labels), strict=True))
    predictions = torch.stack([exit.argmax(dim=1) for exit in logits], dim=1)
    return overthinking(predictions.numpy(), labels.numpy())

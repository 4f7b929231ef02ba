"""How good probabilities are: negative log-likelihood, and the gap between confidence and accuracy.

Shapes: N images, K classes.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

BINS = 10


@dataclass(frozen=True, kw_only=True)
class ExitQuality:
    """One exit on one set of images."""

    accuracy: float
    nll: float  # mean negative log-likelihood of the label, nats
    ece: float  # expected calibration error over 10 bins of confidence, in [0, 1]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What a calibration did: each exit before and after, on the images that fitted it and on the test images."""

    path: Path  # the checkpoint that was written
    kind: str
    validation_before: tuple[ExitQuality, ...]
    validation_after: tuple[ExitQuality, ...]
    test_before: tuple[ExitQuality, ...]
    test_after: tuple[ExitQuality, ...]


def quality(logits: Tensor, labels: Tensor) -> ExitQuality:
    """Judge the logits [N,K] of an exit by the labels [N]."""
    return ExitQuality(
        accuracy=float((logits.argmax(1) == labels).float().mean()),
        nll=float(F.cross_entropy(logits.double(), labels)),
        ece=expected_calibration_error(logits.softmax(1), labels),
    )


def expected_calibration_error(probabilities: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """Return the mean over images of how far their bin's confidence is from its accuracy.

    Args:
        probabilities: [N,K].
        labels: [N].
        bins: equal intervals of (0, 1], each closed at its upper end (Guo et al., ICML 2017).
    """
    confidence, predicted = probabilities.double().max(1)
    right = (predicted == labels).double()
    places = (confidence * bins).ceil().long().clamp(1, bins) - 1
    gaps = torch.zeros(bins, dtype=torch.float64).index_add_(0, places.cpu(), (confidence - right).cpu())
    return float(gaps.abs().sum() / len(labels))

"""How good probabilities are: likelihood, the gap between confidence and accuracy, and what confidence tells apart.

Shapes: N images, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from eeinfer.training.calibration.ranking import auroc, brier

BINS = 10


@dataclass(frozen=True, kw_only=True)
class ReliabilityBin:
    """The images whose confidence, the largest probability, lies in one of `BINS` equal parts of (0, 1]."""

    images: int
    confidence: float  # mean; 0 without images
    accuracy: float


@dataclass(frozen=True, kw_only=True)
class ExitQuality:
    """One exit on one set of images."""

    accuracy: float
    nll: float  # mean negative log-likelihood of the label, nats
    ece: float  # expected calibration error over 10 bins of confidence, in [0, 1]
    brier: float  # mean squared distance of the probabilities from the label, in [0, 2]
    ranks_right: float | None  # AUROC of the confidence for right against wrong; None where all are one of them
    ranks_safe: float | None  # for leaving here costs nothing (right here, or wrong at the last exit) against it does
    reliability: tuple[ReliabilityBin, ...]  # lowest confidence first


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What a calibration did: each exit before and after, on the images that fitted it and on the test images."""

    path: Path  # the checkpoint that was written
    kind: str
    validation_before: tuple[ExitQuality, ...]
    validation_after: tuple[ExitQuality, ...]
    test_before: tuple[ExitQuality, ...]
    test_after: tuple[ExitQuality, ...]
    given: bool = False  # whether a user's own images took the place of the run's: one half fitted, the other is told


def qualities(logits: Sequence[Tensor], labels: Tensor) -> tuple[ExitQuality, ...]:
    """Judge the logits [N,K] of every exit by the labels [N]; the last exit's are the full network's."""
    full = logits[-1].argmax(1) == labels
    return tuple(quality(exit, labels, full) for exit in logits)


def quality(logits: Tensor, labels: Tensor, full: Tensor) -> ExitQuality:
    """Judge the logits [N,K] of an exit by the labels [N]; ``full`` [N] says where the full network is right."""
    probabilities = logits.softmax(1)
    confidence, predicted = probabilities.double().max(1)
    right = predicted == labels
    return ExitQuality(
        accuracy=float(right.float().mean()),
        nll=float(F.cross_entropy(logits.double(), labels)),
        ece=expected_calibration_error(probabilities, labels),
        brier=brier(probabilities, labels),
        ranks_right=auroc(confidence, right),
        ranks_safe=auroc(confidence, right | ~full),
        reliability=reliability(probabilities, labels),
    )


def expected_calibration_error(probabilities: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """Return the mean over images of how far their bin's confidence is from its accuracy.

    Args:
        probabilities: [N,K].
        labels: [N].
        bins: equal intervals of (0, 1], each closed at its upper end (Guo et al., ICML 2017).
    """
    found = reliability(probabilities, labels, bins)
    return sum(bin.images * abs(bin.confidence - bin.accuracy) for bin in found) / len(labels)


def reliability(probabilities: Tensor, labels: Tensor, bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """Return confidence and accuracy bin by bin; arguments as `expected_calibration_error`."""
    confidence, predicted = (found.cpu() for found in probabilities.double().max(1))
    right = (predicted == labels.cpu()).double()
    places = (confidence * bins).ceil().long().clamp(1, bins) - 1
    images = torch.bincount(places, minlength=bins)
    means = [torch.bincount(places, values, bins) / images.clamp_min(1) for values in (confidence, right)]
    columns = (images.tolist(), *(mean.tolist() for mean in means))
    return tuple(ReliabilityBin(images=n, confidence=c, accuracy=a) for n, c, a in zip(*columns, strict=True))

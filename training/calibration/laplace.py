"""Last-layer Laplace approximation (Meronen et al., WACV 2024, section 3.1): a Gaussian over each exit's last weights.

Its covariance is a Kronecker product, of the features' side V and of the classes' side U. Shapes: N images, K classes,
F width that the last layer reads, M draws.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from eeinfer.training.calibrated import LaplaceExit

VARIANCES = (0.5, 0.7, 1.0, 1.3, 1.5, 1.7, 2.0, 2.5, 3.0, 4.0)  # prior variances that are tried
TEMPERATURES = (0.3, 0.5, 0.7, 1.0, 1.3, 1.5, 1.7, 2.0, 2.5, 3.0)
_ROWS = 256  # images at a time where all draws are at hand


@dataclass(frozen=True, kw_only=True)
class Factors:
    """The two sides of an exit's Hessian, without the prior."""

    features: Tensor  # [F+1,F+1], float64
    classes: Tensor  # [K,K], float64

    def posterior(self, variance: float) -> tuple[Tensor, Tensor]:
        """Return V [F+1,F+1] and the Cholesky factor [K,K] of U for a prior of this variance."""
        root = variance**-0.5
        covariance, classes = (_inverse(side, root) for side in (self.features, self.classes))
        return covariance, torch.linalg.cholesky(classes)


def _inverse(side: Tensor, ridge: float) -> Tensor:
    found: Tensor = torch.linalg.inv(side + ridge * torch.eye(len(side), dtype=side.dtype))
    return (found + found.T) / 2  # symmetric to the last bit, as both uses of it suppose


class HessianMeans:
    """Gathers an exit's factors batch by batch: means over all images, whatever their order.

    The authors' code takes running means that forget all but the last twenty batches; where images come sorted by
    class, as folders list them, the last class would then have most of the weight.
    """

    def __init__(self) -> None:
        self.features = self.classes = torch.zeros((), dtype=torch.float64)  # sums over images
        self.images = 0

    def add(self, phi: Tensor, logits: Tensor) -> None:
        """Take in the features [n,F] and logits [n,K] of some training images."""
        self.images += len(phi)
        ones = torch.cat([phi.double(), torch.ones(len(phi), 1, dtype=torch.float64)], 1)
        p = logits.double().softmax(1)
        self.features = self.features + ones.T @ ones
        self.classes = self.classes + torch.diag(p.sum(0)) - p.T @ p

    def factors(self) -> Factors:
        """Return both means, each times the root of the number of images."""
        scale = self.images**-0.5  # 1/N for the mean, times the root of N
        return Factors(features=scale * self.features, classes=scale * self.classes)


def noise(draws: int, num_classes: int, seed: int) -> Tensor:
    """Return the standard normal numbers [M,K] that all images and all exits share."""
    return torch.randn(draws, num_classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The best exit of the grid, and what it says about the validation images."""

    covariance: Tensor  # V [F+1,F+1]
    draws: Tensor  # [M,K]
    variance: float
    temperature: float
    probabilities: Tensor  # [N,K], of this exit alone

    @property
    def constants(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        names = ("covariance", "draws", "variance", "temperature")
        return {name: getattr(self, name) for name in names}


@torch.no_grad()
def choose(
    factors: Factors,
    epsilon: Tensor,
    validation: tuple[Tensor, Tensor, Tensor],
    before: Tensor,
    shares: tuple[float, float],
    *,
    variances: Sequence[float] = VARIANCES,
    temperatures: Sequence[float] = TEMPERATURES,
) -> Chosen:
    """Return the prior variance and the temperature under which the validation labels are most likely.

    Args:
        factors: of the exit.
        epsilon: [M,K], from `noise`.
        validation: features [N,F], logits [N,K] and labels [N].
        before: [N,K], weighted sum of the probabilities of earlier exits.
        shares: this exit's weight in that sum, and the sum of all weights up to it.
        variances: the grid's prior variances.
        temperatures: the grid's temperatures.
    """
    phi, logits, labels = validation
    best: tuple[float, Chosen] | None = None
    for variance in variances:
        covariance, root = factors.posterior(variance)
        covariance, draws = covariance.float(), (epsilon @ root.T).float()
        for temperature in temperatures:
            p = _probabilities(LaplaceExit(covariance, draws, temperature), phi, logits)
            mixed = (before + shares[0] * p) / shares[1]
            nll = -float(mixed[torch.arange(len(labels)), labels].clamp_min(1e-12).double().log().mean())
            if best is None or nll < best[0]:
                found = Chosen(
                    covariance=covariance, draws=draws, variance=variance, temperature=temperature, probabilities=p
                )
                best = nll, found
    assert best is not None, "the grid is not empty"
    return best[1]


def _probabilities(exit: LaplaceExit, phi: Tensor, logits: Tensor) -> Tensor:
    """Return what `exit` answers [N,K], some images at a time."""
    return torch.cat([exit(*rows) for rows in zip(torch.split(phi, _ROWS), torch.split(logits, _ROWS), strict=True)])


def cost_shares(cumulative: Sequence[int]) -> tuple[float, ...]:
    """Return each exit's cost as a share of the last one's: its weight in the running mean over exits."""
    return tuple(cost / cumulative[-1] for cost in cumulative)


def running_sums(shares: Sequence[float]) -> tuple[float, ...]:
    """Return the sum of the weights up to each exit."""
    return tuple(itertools.accumulate(shares))

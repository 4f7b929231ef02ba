"""Mutual information I(X;Z) of a network's input and each layer, under Gaussian noise (Fig. 3 of "Joint or Disjoint").

The estimator is that of Kawaguchi et al., "How Does Information Bottleneck Help Deep Learning?" (ICML 2023):
Z = f(X) + N(0, sigma^2 I), and log p(z|x) - log mean_j p(z|x_j) averaged over images. Three things of their code are
put right: the conditional density has all d dimensions, the z that are looked at are drawn with the noise, and an image
is among its own references, so that the estimate ends at ln M. Where it gets there it says nothing more.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from eeinfer.errors import ConfigError
from eeinfer.training.analysis.features import features_of

SIGMAS = tuple(round(0.01 * 10 ** (step / 12), 4) for step in range(42))  # 0.01 to 26, 12 a decade
SATURATED = 0.98  # of ln M


@dataclass(frozen=True, kw_only=True)
class LayerInformation:
    """One layer's information on the input."""

    layer: str  # its name in the backbone
    sigma: float  # of the noise, in the layer's own units
    nats: float  # I(X;Z), at most ln M
    most: float  # ln M, in nats
    saturated: bool  # whether it ends at ln M: the layer tells all references apart, and nothing more is known


def information(features: Tensor, sigma: float, *, seed: int = 0) -> float:
    """Return I(X;Z) in nats for Z = features + N(0, sigma^2 I).

    Args:
        features: [M, d], one row for each image; every image is a reference for all.
        sigma: standard deviation of the noise, above 0.
        seed: of the noise.
    """
    return _Channel.of(features, seed).information(sigma)


@dataclass(frozen=True, kw_only=True)
class _Channel:
    """What does not depend on sigma, of which many are tried: z_i = f(x_i) + sigma n_i, one z for each image."""

    width: int  # d
    apart: Tensor  # [M, M] squared distances of the f(x_i)
    across: Tensor  # [M, M] the product of n_i and f(x_j)
    noise: Tensor  # [M] squared lengths of the n_i

    @classmethod
    def of(cls, features: Tensor, seed: int) -> "_Channel":
        means = features.double() - features.double().mean(dim=0)  # smaller numbers, the same distances
        noise = torch.randn(means.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        product = means @ means.T
        lengths = product.diagonal()
        apart = (lengths[:, None] + lengths - 2 * product).clamp_min(0).fill_diagonal_(0)
        return cls(width=means.shape[1], apart=apart, across=noise @ means.T, noise=(noise**2).sum(dim=1))

    def information(self, sigma: float) -> float:
        """Mean of log p(z|x) - log mean_j p(z|x_j)."""
        return float((-self.noise / 2 - self._marginal(sigma)).mean())

    def log_density(self, sigma: float) -> float:
        """Mean of log mean_j p(z_i|x_j) over the other images: with its own the smallest sigma is always best."""
        others = self._exponents(sigma).fill_diagonal_(-math.inf)
        marginal = torch.logsumexp(others, dim=1) - math.log(len(self.noise) - 1)
        return float(marginal.mean()) - self.width / 2 * math.log(2 * math.pi * sigma**2)

    def _marginal(self, sigma: float) -> Tensor:
        """Return log mean_j p(z_i|x_j) [M] without -d/2 ln(2 pi sigma^2), which is in log p(z|x) too."""
        return torch.logsumexp(self._exponents(sigma), dim=1) - math.log(len(self.noise))

    def _exponents(self, sigma: float) -> Tensor:
        """Return -|z_i - f(x_j)|^2 / 2 sigma^2 [M, M]."""
        inner = (self.across.diagonal()[:, None] - self.across) / sigma
        return -(self.apart / sigma**2 + 2 * inner + self.noise[:, None]) / 2


def choose_sigmas(
    features: Mapping[str, Tensor], *, sigmas: Sequence[float] = SIGMAS, seed: int = 0
) -> dict[str, float]:
    """Return one sigma for each layer, which then holds for every network that is compared.

    From the last layer to the first: the sigma under which the other images make each z likeliest, among those under
    which the layer is not saturated and holds at least what the layer behind it holds, since a later layer knows no
    more. Where none is both, not to be saturated counts: features of many numbers are far apart.
    """
    chosen: dict[str, float] = {}
    behind = 0.0
    for layer in reversed(list(features)):
        channel = _Channel.of(features[layer], seed)
        held = {sigma: channel.information(sigma) for sigma in sigmas}
        fit = {sigma for sigma in sigmas if held[sigma] >= behind}
        useful = {sigma for sigma in sigmas if held[sigma] < SATURATED * math.log(len(features[layer]))}
        chosen[layer] = max(fit & useful or useful or fit or {min(sigmas)}, key=channel.log_density)
        behind = held[chosen[layer]]
    return {layer: chosen[layer] for layer in features}


def layer_information(
    model: nn.Module, x: Tensor, sigmas: Mapping[str, float] | None = None, *, columns: int = 1024, seed: int = 0
) -> tuple[LayerInformation, ...]:
    """Return every layer's information on the input, in the order in which they run.

    Args:
        model: a trained network.
        x: prepared images [M,C,H,W]; memory grows with M squared.
        sigmas: of each layer, as `choose_sigmas` gave them for the first network; None chooses them here.
        columns: of wider layers that many numbers, drawn from the seed, stand for all.
        seed: of that draw and of the noise.

    Raises:
        ConfigError: a layer has no sigma: the networks that are compared have one backbone.
    """
    features = features_of(model, x, columns=columns, seed=seed)
    chosen = choose_sigmas(features, seed=seed) if sigmas is None else sigmas
    if missing := [layer for layer in features if layer not in chosen]:
        raise ConfigError(f"layer {missing[0]} is not in the first network; compare networks of one backbone")
    most, rows = math.log(len(x)), []
    for layer, given in features.items():
        nats = min(information(given, chosen[layer], seed=seed), most)
        rows.append(
            LayerInformation(layer=layer, sigma=chosen[layer], nats=nats, most=most, saturated=nats >= SATURATED * most)
        )
    return tuple(rows)

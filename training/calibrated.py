"""A trained model whose exits' probabilities were put right afterwards; `eeinfer.training.calibration` finds how.

Everything it adds is a constant, so that it exports and answers the same again.
Shapes: B batch, K classes, F width that an exit's last linear layer reads, M draws.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eeinfer.training.methods.base import Outputs, exit_logits

SMALLEST = 1e-12  # probabilities below it are raised to it before their logarithm is taken


class LayerInputs:
    """Hooks on named linear layers; `run` returns what they read beside the model's outputs."""

    def __init__(self, model: nn.Module, names: Sequence[str]) -> None:
        self.caught: list[Any] | None = None
        self.num_layers = len(names)
        for index, name in enumerate(names):
            model.get_submodule(name).register_forward_hook(_Reader(self, index))

    def run(self, model: nn.Module, x: Tensor) -> tuple[list[Tensor], Outputs]:
        """Return (inputs [B,F] of the layers in the order of their names, outputs of `model`)."""
        self.caught = caught = [None] * self.num_layers
        try:
            outputs = model(x)
        finally:
            self.caught = None
        return caught, outputs  # type: ignore[return-value]  # the hooks have filled the list


class _Reader:
    """A hook that puts what a layer read in its place."""

    def __init__(self, inputs: LayerInputs, index: int) -> None:
        self.inputs = inputs
        self.index = index

    def __call__(self, layer: nn.Module, args: Any, output: Any) -> None:
        if self.inputs.caught is not None:
            self.inputs.caught[self.index] = args[0]


class Tempered(nn.Module):
    """Divides the logits of every exit by its temperature (Guo et al., ICML 2017); own scores stay as they are."""

    def __init__(self, model: nn.Module, temperatures: Sequence[float]) -> None:
        super().__init__()
        self.model = model
        self.temperatures = tuple(temperatures)

    def forward(self, x: Tensor) -> Outputs:
        """Map images [B,C,H,W] to logits [B,K] per exit."""
        outputs = self.model(x)
        logits = tuple(z / t for z, t in zip(exit_logits(outputs), self.temperatures, strict=True))
        return {**outputs, "logits": logits} if isinstance(outputs, Mapping) else logits


class LaplaceExit(nn.Module):
    """The predictive of a last layer with a Kronecker-factored Gaussian over its weights (METHODS 3.10).

    ``z_m = (logits + sqrt(phi^T V phi) * draw_m) / T`` with phi the feature and a one, and the mean of softmax(z_m).

    Args:
        covariance: V [F+1,F+1].
        draws: [M,K], the noise times the factor of the class side.
        temperature: T.
    """

    def __init__(self, covariance: Tensor, draws: Tensor, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        self.register_buffer("quadratic", covariance[:-1, :-1].contiguous())
        self.register_buffer("linear", 2 * covariance[:-1, -1])
        self.register_buffer("constant", covariance[-1, -1].clone())
        self.register_buffer("draws", draws)

    quadratic: Tensor
    linear: Tensor
    constant: Tensor
    draws: Tensor

    def forward(self, features: Tensor, logits: Tensor) -> Tensor:
        """Map features [B,F] and logits [B,K] to probabilities [B,K]."""
        variance = ((features @ self.quadratic + self.linear) * features).sum(1) + self.constant
        spread = variance.clamp_min(0).sqrt()[:, None, None]
        return F.softmax((logits[:, None] + spread * self.draws) / self.temperature, -1).mean(1)


class LaplaceModel(nn.Module):
    """Laplace predictives at every exit, averaged over the exits so far (Meronen et al., WACV 2024).

    Args:
        model: the trained model.
        layers: each exit's last linear layer, a module path below `model`.
        exits: one per exit.
        shares: weights of the exits in the running mean of probabilities; () where each exit answers alone.
    """

    def __init__(
        self, model: nn.Module, layers: Sequence[str], exits: Sequence[LaplaceExit], shares: Sequence[float]
    ) -> None:
        super().__init__()
        self.model = model
        self.exits = nn.ModuleList(exits)
        self.shares = tuple(shares)
        self.inputs = LayerInputs(model, layers)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map images [B,C,H,W] to log-probabilities [B,K] per exit."""
        features, outputs = self.inputs.run(self.model, x)
        logits = exit_logits(outputs)
        own = [exit(phi, z) for exit, phi, z in zip(self.exits, features, logits, strict=True)]
        means = running_means(own, self.shares) if self.shares else own
        return tuple(p.clamp_min(SMALLEST).log() for p in means)


def running_means(probabilities: Sequence[Tensor], shares: Sequence[float]) -> list[Tensor]:
    """Return ``P_k = sum_(j<=k) w_j p_j / sum_(j<=k) w_j`` for every k: model-internal ensembling (section 3.2)."""
    means, total, weight = [], torch.zeros(()), 0.0
    for k, (p, share) in enumerate(zip(probabilities, shares, strict=True)):
        total = share * p if k == 0 else total + share * p
        weight += share
        means.append(total / weight)
    return means


def calibrated(model: nn.Module, how: Mapping[str, Any]) -> nn.Module:
    """Return `model` with the calibration `how` that a checkpoint holds."""
    if how["kind"] == "temperature":
        return Tempered(model, how["temperatures"])
    exits = [LaplaceExit(exit["covariance"], exit["draws"], exit["temperature"]) for exit in how["exits"]]
    return LaplaceModel(model, how["layers"], exits, how["shares"])

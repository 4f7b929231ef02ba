"""Fitting every exit of a checkpoint; what comes out is what the new checkpoint keeps, as plain data.

Shapes: N images, K classes, F width that an exit's last layer reads, M draws.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from eeinfer.errors import ConfigError
from eeinfer.progress import Progress
from eeinfer.training.calibrated import LayerInputs
from eeinfer.training.calibration.laplace import Chosen, HessianMeans, cost_shares, running_sums
from eeinfer.training.calibration.observe import Images, all_logits, last_layers
from eeinfer.training.calibration.temperature import fit_temperature
from eeinfer.training.flops import cumulative_flops
from eeinfer.training.methods import exit_logits
from eeinfer.training.runs.checkpoint import Checkpoint

WIDEST = 4096  # numbers that a last layer may read: its covariance is a square matrix of them


def fit_temperatures(model: nn.Module, images: Images, progress: Progress) -> dict[str, Any]:
    """Return one temperature per exit."""
    progress("fitting temperatures")
    logits, labels = all_logits(model, images.validation())
    return {"kind": "temperature", "temperatures": [fit_temperature(exit, labels) for exit in logits]}


def fit_laplace(
    trained: Checkpoint,
    images: Images,
    epsilon: Tensor,
    ensembling: bool,
    pick: Callable[..., Chosen],
    progress: Progress,
) -> dict[str, Any]:
    """Return every exit's constants; exits are fitted in order, because a mean holds what earlier ones chose.

    Args:
        trained: the checkpoint.
        images: those of its run.
        epsilon: noise [M,K].
        ensembling: whether exits answer with the mean over the exits so far.
        pick: `eeinfer.training.calibration.laplace.choose` with its grid.
        progress: told the name of each step.

    Raises:
        ConfigError: the method's exits do not end in a linear layer each, or in one that is too wide.
    """
    model, example = trained.model, torch.zeros(2, *trained.input.tensor.sizes())
    if trained.score == "own":
        raise ConfigError("this method judges its exits by scores of its own, which kind='laplace' cannot keep")
    layers = last_layers(model, example)
    _check_widths(model, layers)
    inputs = LayerInputs(model, layers)
    progress("measuring features of the training images")
    means = _means(inputs, model, images)
    shares = cost_shares(cumulative_flops(_Logits(model), example).cumulative)
    sums = running_sums(shares) if ensembling else shares
    features, labels = _validation(inputs, model, images)
    exits, before = [], torch.zeros(len(labels), epsilon.shape[1])
    for k, (mean, (phi, logits)) in enumerate(zip(means, features, strict=True)):
        progress(f"choosing prior and temperature of exit {k}")
        chosen = pick(mean.factors(), epsilon, (phi, logits, labels), before, (shares[k], sums[k]))
        exits.append(chosen.constants)
        if ensembling:
            before = before + shares[k] * chosen.probabilities
    return {"kind": "laplace", "layers": list(layers), "shares": list(shares) if ensembling else [], "exits": exits}


class _Logits(nn.Module):
    """The exits' logits alone, which is what counting needs to see."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return exit_logits(self.model(x))


def _validation(inputs: LayerInputs, model: nn.Module, images: Images) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
    """Return features [N,F] and logits [N,K] of every exit, and the labels [N], of the validation images."""
    seen = [(_rows(inputs, model, x), labels) for x, labels in images.validation()]
    exits = range(len(seen[0][0]))
    features = [tuple(torch.cat([batch[k][part] for batch, _ in seen]) for part in (0, 1)) for k in exits]
    return [(phi, logits) for phi, logits in features], torch.cat([part for _, part in seen])


def _means(inputs: LayerInputs, model: nn.Module, images: Images) -> list[HessianMeans]:
    means = [HessianMeans() for _ in range(inputs.num_layers)]
    for x, _ in images.training():
        for mean, rows in zip(means, _rows(inputs, model, x), strict=True):
            mean.add(*rows)
    return means


@torch.no_grad()
def _rows(inputs: LayerInputs, model: nn.Module, x: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return what each exit's last layer read, and what it answered, for a batch."""
    features, outputs = inputs.run(model, x)
    return list(zip(features, exit_logits(outputs), strict=True))


def _check_widths(model: nn.Module, layers: tuple[str, ...]) -> None:
    for name in layers:
        layer = model.get_submodule(name)
        assert isinstance(layer, nn.Linear)
        if layer.in_features > WIDEST:
            raise ConfigError(
                f"layer {name!r} reads {layer.in_features} numbers, and kind='laplace' would keep a square matrix of "
                f"them; up to {WIDEST} are allowed: use heads with a smaller pool, or kind='temperature'"
            )

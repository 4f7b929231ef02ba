"""What leaving at each exit of a model costs, for methods that weigh it."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from eeinfer.training.flops import cumulative_flops
from eeinfer.training.methods.base import exit_logits
from eeinfer.training.model import EarlyExitModel


class _Answers(nn.Module):
    """A model's logits and, where it has them, scores, as one tensor per exit: what counting needs to see."""

    def __init__(self, model: EarlyExitModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        outputs = self.model(x)
        logits, scores = exit_logits(outputs), outputs.get("scores") if isinstance(outputs, Mapping) else None
        if scores is None:
            return logits
        return tuple(torch.cat([exit, score[:, None]], 1) for exit, score in zip(logits, scores, strict=True))


class _Trunk(nn.Module):
    """What the exits read, in order, and the network's own answer: the cost without heads."""

    def __init__(self, model: EarlyExitModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        features, final = self.model.taps.run(self.model.backbone, x)
        return (*features, final)


def exit_costs(model: EarlyExitModel, example: Tensor) -> tuple[int, ...]:
    """Return the FLOPs spent when a row of `example` [B,C,H,W] leaves at each exit, all heads up to it included."""
    return cumulative_flops(_Answers(model), example).cumulative


def trunk_costs(model: EarlyExitModel, example: Tensor) -> tuple[int, ...]:
    """Return the FLOPs of the network alone up to what each exit reads, and last those of all of it."""
    return cumulative_flops(_Trunk(model), example).cumulative


def cost_shares(model: EarlyExitModel, example: Tensor) -> tuple[float, ...]:
    """Return the costs of `exit_costs` over that of the last exit."""
    costs = exit_costs(model, example)
    return tuple(cost / costs[-1] for cost in costs)

"""A linear network of known layers, and numbers drawn from a seed, for the tests of the analyses."""

import torch
from torch import Tensor, nn

from eeinfer.training.model import EarlyExitModel


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


class _Backbone(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.wide, self.narrow, self.last = nn.Linear(6, 20), nn.Linear(20, 2), nn.Linear(2, 3)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.last(self.narrow(self.wide(x)))
        return logits


class _Last(nn.Module):
    def forward(self, features: list[Tensor], final: Tensor) -> tuple[Tensor, ...]:
        return (final,)


def layered() -> EarlyExitModel:
    """Six numbers to 20, to 2, to 3 logits, with weights drawn from a seed and no early exit."""
    torch.manual_seed(0)
    heads: nn.Module = _Last()
    return EarlyExitModel(_Backbone(), [], heads)  # type: ignore[arg-type]  # stands for a method

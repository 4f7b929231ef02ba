"""Gradient equilibrium (Li et al., ICCV 2019, section 3.1): each part of the network learns from the mean of the
losses above it, which is Eq. 2 of "Joint or Disjoint".

Behind block n of H exits' network the gradient is multiplied twice: by ``H-n-1`` on the way back from the next block,
which turns the mean of the later losses into their sum, and by ``1/(H-n)`` before it enters block n. Heads keep theirs.
"""

from typing import Any

import torch
from torch import Tensor


class _Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * ctx.factor, None


def scale_gradient(x: Tensor, factor: float) -> Tensor:
    """Return `x`; what comes back through it is multiplied by `factor`."""
    scaled: Tensor = _Scale.apply(x, factor)
    return scaled


def balanced(x: Tensor, exit: int, num_exits: int) -> tuple[Tensor, Tensor]:
    """Return what the head of `exit` reads and what the next block reads, both equal to `x`.

    Args:
        x: output of the block that the exit sits behind.
        exit: n, from 0.
        num_exits: H, the network's own classifier included.
    """
    left = num_exits - exit
    for_head = scale_gradient(x, 1 / left)
    return for_head, scale_gradient(for_head, left - 1)

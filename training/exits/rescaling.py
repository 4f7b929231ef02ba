"""Gradient rescaling, Eq. 2 of "Joint or Disjoint" and the gradient equilibrium of Li et al. (ICCV 2019, section 3.1):
every part of the backbone learns from the mean of the losses above it.

The losses are added (``loss_weights="sum"``), and the gradient of a parameter that H' exits read is multiplied by 1/H'.
Behind block n of a network whose H exits follow one another that is ``1/(H-n)``, n from 0, as the paper writes it.
Counting per parameter defines the same for networks that are no such sequence: the finer scales of MSDNet, the
sub-networks of RANet, exits inside a block. (The code of Li et al. scales what flows through MSDNet's coarsest maps
alone, by which its finer scales learn from something else.) Heads keep their gradients.

To compare with training without rescaling at equal scale, leave that at ``loss_weights="mean"``: it divides all losses
by H, so that what every exit reads gets the mean of all losses both ways.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from eeinfer.training.model import EarlyExitModel

Shares = Sequence[tuple[nn.Parameter, float]]


def gradient_shares(model: EarlyExitModel, example: Tensor) -> Shares:
    """Return the backbone's parameters that train, each with 1 over the number of exits that read it.

    Args:
        model: what trains.
        example: an input [B,C,H,W]; which exits read what does not depend on its values.
    """
    moving = [parameter for parameter in model.backbone.parameters() if parameter.requires_grad]
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()  # the example must not move the statistics of BatchNorm
        with torch.enable_grad():
            features, final = model.taps.run(model.backbone, example)
            readers = [_reached(feature, moving) for feature in (*features, final)]
    finally:
        for module, mode in modes:
            module.training = mode
    counts = [sum(exit) for exit in zip(*readers, strict=True)]
    return [(parameter, 1 / count) for parameter, count in zip(moving, counts, strict=True) if count]


def scale_gradients(shares: Shares) -> None:
    """Multiply the gradient of each parameter by its share."""
    for parameter, share in shares:
        if parameter.grad is not None:
            parameter.grad.mul_(share)


def _reached(feature: Tensor, parameters: Sequence[nn.Parameter]) -> list[bool]:
    """Say of each parameter whether `feature` depends on it."""
    gradients = torch.autograd.grad(feature.sum(), parameters, retain_graph=True, allow_unused=True)
    return [gradient is not None for gradient in gradients]

"""Zero Time Waste's ensembles (Wolczyk et al., NeurIPS 2021, section 3.2): one per exit, over all heads up to it.

Shapes: B batch, H heads so far, K classes.
"""

import torch
from torch import Tensor, nn

SMALLEST = 1e-12  # a probability below it is raised to it: the reference's 1e-40 is 0 on most hardware


class Ensemble(nn.Module):
    """Weights exp(w_h) > 0 per head and a bias b_k per class."""

    def __init__(self, num_heads: int, num_classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(num_heads) * 0.01)
        self.bias = nn.Parameter(torch.zeros(num_classes))


class Geometric(Ensemble):
    """The weighted mean of log-probabilities plus a bias; not normalised, which a softmax behind it makes up for."""

    def forward(self, log_p: Tensor) -> Tensor:
        """Map log-probabilities [B,H,K] to logits [B,K]."""
        return (log_p * self.weight.exp()[:, None]).mean(1) + self.bias


class Arithmetic(Ensemble):
    """The logarithm of the weighted mean of probabilities, with exp(b_k) added to each before normalising."""

    def forward(self, log_p: Tensor) -> Tensor:
        """Map log-probabilities [B,H,K] to log-probabilities [B,K]."""
        summed = (log_p.exp() * self.weight.exp()[:, None]).sum(1) + self.bias.exp()
        return (summed / summed.sum(1, keepdim=True)).clamp_min(SMALLEST).log()


ENSEMBLES: dict[str, type[Geometric] | type[Arithmetic]] = {"geometric": Geometric, "arithmetic": Arithmetic}

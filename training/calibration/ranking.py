"""How well an exit's confidence ranks: right answers above wrong ones, rows that may leave above those that may not.

Probabilities can be calibrated and still say nothing of which row to let go (Jaeger et al., "A call to reflect on
evaluation practices for failure detection", ICLR 2023), so this stands beside the calibration error. N images.
"""

import torch
from torch import Tensor


def auroc(confidence: Tensor, good: Tensor) -> float | None:
    """Return how likely a good row has a higher confidence than a bad one, a tie counting half.

    Args:
        confidence: [N].
        good: [N] of bool.

    Returns:
        In [0, 1], 0.5 for chance; None where all rows are good, or all bad.
    """
    goods, bads = confidence[good].double(), confidence[~good].double()
    if not len(goods) or not len(bads):
        return None
    ordered = bads.sort().values
    below = torch.searchsorted(ordered, goods, right=False).double()
    not_above = torch.searchsorted(ordered, goods, right=True).double()
    return float((below + not_above).sum() / (2 * len(goods) * len(bads)))


def brier(probabilities: Tensor, labels: Tensor) -> float:
    """Return the mean squared distance of probabilities [N,K] from the labels [N]: 0 is best, 2 worst (Brier, 1950)."""
    target = torch.nn.functional.one_hot(labels, probabilities.shape[1])
    return float(((probabilities.double() - target) ** 2).sum(1).mean())

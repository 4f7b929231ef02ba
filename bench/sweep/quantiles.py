"""MSDNet's budgets (Huang et al., ICLR 2018, budgeted batch classification): thresholds fitted to exit shares.

A budget says which share of the images should leave at each exit. On images set aside for it, exits are walked in
order, and each threshold is the score of the last image that has to leave there. MSDNet lets a row leave when its
score is at least the threshold; here it must be above tau, so tau is the next float32 below that score.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.rule import leaves

Array = NDArray[Any]

BUDGETS = tuple(range(1, 40))  # p; exit shares fall from exit to exit by the factor p/20 and from p = 20 on rise


def budget_shares(budget: int, exits: int) -> Array:
    """Return the shares [E] wanted at each exit: proportional to rho^k with rho = p/20, k = 1 .. E."""
    weights = (budget / 20) ** np.arange(1, exits + 1)
    return np.asarray(weights / weights.sum())


def budget_taus(scores: Array, budget: int) -> Array:
    """Fit a threshold per exit to the shares of ``budget``.

    Args:
        scores: [N, E] float32 of the calibration images; a NaN leaves at the last exit.
        budget: p.

    Returns:
        [E] float64 that are float32 numbers in [0, 1]; the last is 0, where everybody leaves anyway.
    """
    rows, exits = scores.shape
    wanted = np.floor(rows * budget_shares(budget, exits) + 1e-9).astype(int)  # 3 must not become 2 by rounding
    here = np.ones(rows, bool)
    taus = np.zeros(exits)
    for k in range(exits - 1):
        taus[k] = _tau(scores[here, k], wanted[k])
        here &= ~leaves(scores[:, k], np.float32(taus[k]))
    return taus


def _tau(scores: Array, count: int) -> float:
    """The threshold that the ``count`` best of ``scores`` pass, with ties; nobody where there are not so many."""
    ranked = np.sort(scores[np.isfinite(scores)])[::-1]
    if not 1 <= count <= len(ranked):
        return 1.0
    below = np.nextafter(np.float32(ranked[count - 1]), np.float32(-1))
    return float(np.clip(below, 0, 1))

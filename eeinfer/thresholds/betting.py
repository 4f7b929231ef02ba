"""Testing a mean by betting against it (Waudby-Smith and Ramdas, JRSS B 2024).

Somebody claims that the mean of losses in [0, 1] is m or more. We bet row by row that it is less: of a capital of 1 a
stake wins (m - loss) times itself. Were the claim true, the capital could not be expected to grow, and reaches
1 / delta with a probability of at most delta (Ville's inequality). What is staked on a row may depend on all rows
before it, and on nothing else.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_TO_LEARN = 1.15  # times the rows that the best stake takes, which is not known before
_BOLDEST = 0.95  # share of the capital that one row may cost at most


def log_capital(losses: Array, mean: float, delta: float, before: Array | None = None) -> Array:
    """Return the logarithm [T] of the largest capital on the way; at least log(1 / delta) refutes the claim.

    Args:
        losses: [T, n], each in [0, 1], in random order.
        mean: what they are claimed to reach on average, in (0, 1).
        delta: error rate for which the stakes are set.
        before: [T, m] losses seen before the first bet.
    """
    if not 0 < mean < 1:
        return np.full(len(losses), np.inf if mean >= 1 else 0.0)
    bets = np.minimum(_stakes(losses, delta, before), _BOLDEST / (1 - mean))
    return np.asarray(np.cumsum(np.log1p(bets * (mean - losses)), axis=1).max(axis=1))


def rows_needed_at(losses: Array, mean: float, delta: float) -> int | None:
    """Return about how many such rows refute the claim; None: none do."""
    values, counts = np.unique(losses, return_counts=True)
    stakes = np.geomspace(1e-4, 1, 200) * _BOLDEST / (1 - mean)
    growth = np.log1p(stakes[:, np.newaxis] * (mean - values)) @ (counts / counts.sum())
    best = float(growth.max())
    return math.ceil(_TO_LEARN * math.log(1 / delta) / best) if best > 0 else None


def _stakes(losses: Array, delta: float, before: Array | None) -> Array:
    """Return the stakes [T, n] on each row, from the variance of those before it.

    ``sqrt(2 log(1 / delta) / (n variance))`` is the best constant one where the bound just meets the mean. The
    variance starts at 1/4, the largest there is, and counts as one row.
    """
    known = losses if before is None else np.concatenate([before, losses], axis=1)
    seen = np.arange(1, known.shape[1] + 1)
    means = (0.5 + np.cumsum(known, axis=1)) / (seen + 1)
    variances = (0.25 + np.cumsum((known - means) ** 2, axis=1)) / (seen + 1)
    earlier = np.concatenate([np.full((len(known), 1), 0.25), variances[:, :-1]], axis=1)
    rows = losses.shape[1]
    return np.asarray(np.sqrt(2 * math.log(1 / delta) / (rows * earlier[:, -rows:])))

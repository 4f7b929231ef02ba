"""One threshold for all exits, found without a grid and from all rows, for losses of 0 and 1. N rows, E exits.

Going down from tau = 1, whichever way the loss goes meanwhile, is an order that no row had a part in, so the test may
stand on all of them; it stops at the first tau at which more rows lose than the limit allows. Where expectations are
promised, a row counts from the first tau on at which it loses, T = ``max{s_k : s_k > max_{j<k} s_j, and leaving at k is
a loss}``: conformal risk control needs losses that grow along the way.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.thresholds import binomial

Array = NDArray[Any]

_DUST = 1e-9  # ceil(0.9 * 10) is not 10


def last_losses(scores: Array, losses: Array) -> Array:
    """Return T [N]: -inf for rows that never lose, inf for those that lose at the last exit, so at any tau.

    Args:
        scores: [N, E] float32.
        losses: [N, E], whether leaving at each exit is a loss.
    """
    early = scores[:, :-1].astype(np.float64)
    before = np.maximum.accumulate(early, axis=1)
    reachable = np.concatenate([np.ones((len(early), 1), bool), early[:, 1:] > before[:, :-1]], axis=1)
    lasts = np.where(reachable & (losses[:, :-1] > 0), early, -np.inf).max(axis=1, initial=-np.inf)
    return np.where(losses[:, -1] > 0, np.inf, lasts)


def confident_tau(scores: Array, losses: Array, limit: float, delta: float) -> float | None:
    """Return the lowest tau down to which, with an error rate of ``delta``, at most the share ``limit`` of all rows
    loses. None: these rows cannot show it for any tau.

    Where losses only grow as tau falls, it is the (N - k)-th smallest T of `last_losses`, with k from `most_events`;
    else it is lower.
    """
    spare = binomial.most_events(len(scores), limit, delta)
    begin, end = _losing(scores, losses)
    if (begin == np.inf).sum() > spare:
        return None
    points = np.unique(np.concatenate([begin[np.isfinite(begin)], end[np.isfinite(end)]]))[::-1]
    below = len(begin) - np.searchsorted(np.sort(begin), points, side="left")  # begun above or at a point
    gone = len(end) - np.searchsorted(np.sort(end), points, side="left")
    failed = below - gone > spare  # for tau just below each of the points
    return _as_tau(float(points[failed.argmax()]) if failed.any() else -np.inf)


def expected_tau(lasts: Array, limit: float) -> float | None:
    """Return the lowest tau at which a further row loses with a probability of at most ``limit``, averaged over draws
    of these rows too (conformal risk control, Angelopoulos et al., ICLR 2024). None: there is none.
    """
    return _smallest(lasts, math.ceil((1 - limit) * (len(lasts) + 1) - _DUST))


def _losing(scores: Array, losses: Array) -> tuple[Array, Array]:
    """Return the stretches of tau, [end, begin), in which a row leaves at an exit and that is a loss; one each."""
    highest = np.maximum.accumulate(scores[:, :-1].astype(np.float64), axis=1)
    none, ever = np.full((len(scores), 1), -np.inf), np.full((len(scores), 1), np.inf)
    begin = np.concatenate([scores[:, :-1], ever], axis=1)
    end = np.concatenate([none, highest], axis=1)
    loses = (losses > 0) & (begin > end)
    return begin[loses], end[loses]


def _smallest(lasts: Array, rank: int) -> float | None:
    """Return the T of this rank, counted from 1, as a threshold."""
    return _as_tau(math.inf if rank > len(lasts) else float(np.sort(lasts)[rank - 1]))


def _as_tau(found: float) -> float | None:
    return None if found == math.inf else min(max(found, 0.0), 1.0)

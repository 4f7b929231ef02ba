"""What losses in n rows say of their mean over all rows there are: tests of "the mean is at most so much", and bounds.

Three of them, each valid for the losses it is for, whatever their distribution:

- Clopper-Pearson, for losses that are 0 or 1: exact (`eeinfer.thresholds.binomial`).
- Hoeffding-Bentkus, for losses in [0, 1]: of their sum alone (Bates et al., JACM 2021; Angelopoulos et al.,
  "Learn then Test", 2021).
- Betting, for losses in an interval: of each of them, and much the sharpest where they vary little (Waudby-Smith and
  Ramdas, JRSS B 2024).
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.thresholds import binomial
from eeinfer.thresholds.betting import log_capital

Array = NDArray[Any]

CLOPPER_PEARSON, HOEFFDING_BENTKUS, BETTING = "clopper-pearson", "hoeffding-bentkus", "betting"
BOUNDS = (CLOPPER_PEARSON, HOEFFDING_BENTKUS, BETTING)

_HALVINGS = 40
_DUST = 1e-9  # of a sum of fractions: what is this little above a whole number is that number


def p_values(losses: Array, limit: float, bound: str, *, delta: float, before: Array | None = None) -> Array:
    """Return how surprising each row of losses would be, were its mean above ``limit``; [T].

    Args:
        losses: [T, n], each in [0, 1], drawn independently of one another and in random order.
        limit: in (0, 1).
        bound: one of ``BOUNDS``; Clopper-Pearson takes losses of 0 and 1 alone.
        delta: the error rate that it will be compared with; betting stakes most for this one.
        before: [T, m], of betting: losses seen before, from which the first stakes are set.
    """
    if bound == BETTING:
        surprising = np.exp(-np.maximum(0.0, log_capital(losses, limit, delta, before)))
        return np.where(losses.mean(axis=1) >= limit, 1.0, surprising)  # a lucky start is no evidence against the whole
    totals, rows = losses.sum(axis=1), losses.shape[1]
    if bound == CLOPPER_PEARSON:
        return binomial.cdfs(np.rint(totals).astype(np.int64), rows, limit)
    return hoeffding_bentkus(totals, rows, limit)


def upper_bound(losses: Array, bound: str, *, delta: float, before: Array | None = None) -> float:
    """Return the least limit that losses [n], with an error rate of ``delta``, do not let the mean be above.

    Args: as `p_values`, for one row of losses.
    """
    if bound == CLOPPER_PEARSON:
        return binomial.upper_bound(round(float(losses.sum())), len(losses), delta)
    row, seen = losses[np.newaxis], None if before is None else before[np.newaxis]
    return _least(lambda limit: bool(p_values(row, limit, bound, delta=delta, before=seen)[0] <= delta))


def hoeffding_bentkus(totals: Array, rows: int, limit: float) -> Array:
    """Return the p-values [T] of "the mean is above ``limit``" for losses in [0, 1] with these sums [T]."""
    means = totals / rows
    hoeffding = np.exp(-rows * _divergence(means, limit))
    bentkus = math.e * binomial.cdfs(np.ceil(totals - _DUST).astype(np.int64), rows, limit)
    return np.where(means >= limit, 1.0, np.minimum(np.minimum(hoeffding, bentkus), 1.0))


def _divergence(means: Array, limit: float) -> Array:
    """Kullback and Leibler's, of two coins; of means up to the limit."""
    some = np.clip(means, 1e-300, limit)
    return np.asarray(some * np.log(some / limit) + (1 - some) * np.log((1 - some) / (1 - limit)))


def _least(shown: Callable[[float], bool]) -> float:
    """Return the least limit that is ``shown``; all above it are too."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if shown(middle) else (middle, high)
    return high

"""Going along candidates from safe to fast, and where to stop. T candidates, n rows that had no part in their order."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def last_before_failure(kept: Iterable[bool]) -> int | None:
    """Return the place of the last candidate before the first that fails; None where the first one does.

    The first failure ends it: a later candidate that passes has passed by chance as likely as not, and the one that
    failed is not the answer. What ``kept`` would say behind it is not asked.
    """
    last = None
    for place, passes in enumerate(kept):
        if not passes:
            break
        last = place
    return last


def last_in_expectation(losses: Array, limit: float) -> int | None:
    """Return the fastest candidate at which a further row loses at most ``limit`` on average (conformal risk control).

    Args:
        losses: [T, n], from safe to fast, each at most 1; a row counts with the worst that it had on the way, and with
            0 at least, for conformal risk control needs losses that grow along the way.
        limit: of the mean.
    """
    worst = np.maximum.accumulate(np.maximum(losses, 0), axis=0)
    return last_before_failure((worst.sum(axis=1) + 1) / (losses.shape[1] + 1) <= limit)

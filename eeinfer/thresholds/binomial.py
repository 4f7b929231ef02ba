"""The binomial distribution: how often an event of known probability happens in n rows, and what a count says of it.

Counts are whole numbers throughout. A count that is made again from a mean, as ``floor(n * mean)``, is one too few for
every third mean, and a bound from it is too low.
"""

import math
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.errors import InputError

Array = NDArray[Any]

_HALVINGS = 60  # of an interval: more than a float64 tells apart
MOST_ROWS = 10**6  # that anybody is told to bring

_BESIDE = 0.025  # on each side of an interval: 95 % between


def cdf(count: int, rows: int, probability: float) -> float:
    """Return how likely at most ``count`` events are in ``rows`` independent rows."""
    return float(cdfs(np.array([count]), rows, probability)[0])


def cdfs(counts: Array, rows: int, probability: float) -> Array:
    """Return the same for several counts [T] at once."""
    if not 0 < probability < 1:
        return np.where(counts >= (rows if probability >= 1 else 0), 1.0, 0.0)
    most = int(np.clip(counts.max(), 0, rows))
    sums = np.minimum(np.cumsum(np.exp(_log_terms(most, rows, probability))), 1)
    known = np.where(counts < 0, 0.0, sums[np.clip(counts, 0, most)])
    return np.where(counts >= rows, 1.0, known)


def upper_bound(count: int, rows: int, delta: float) -> float:
    """Return the Clopper-Pearson bound: the least probability of which ``count`` events or fewer say, with an error
    rate of ``delta``, that it is not above it. It is the quantile 1 - delta of Beta(count + 1, rows - count).
    """
    if count >= rows:
        return 1.0
    low, high = count / rows, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if cdf(count, rows, middle) <= delta else (middle, high)
    return high


def most_events(rows: int, limit: float, delta: float) -> int:
    """Return the largest count that still shows a probability of at most ``limit``; -1 where not even none does."""
    terms = np.exp(_log_terms(rows, rows, limit))
    return int(np.searchsorted(np.cumsum(terms), delta, side="right")) - 1


def rows_needed(count: int, limit: float, delta: float) -> int:
    """Return the fewest rows in which ``count`` events still show a probability of at most ``limit``.

    Raises:
        InputError: more than ``MOST_ROWS``.
    """
    found = _first(lambda rows: cdf(count, rows, limit) <= delta, count + 1)
    if found is None:
        raise InputError(f"the limit {limit} is so small that no {MOST_ROWS} rows show it; give a larger one")
    return found


def rows_needed_at(rate: float, limit: float, delta: float) -> int | None:
    """Return about how many rows show a probability of at most ``limit`` where events come at this rate.

    None: they come too often, or more than ``MOST_ROWS`` would be needed.
    """
    if rate >= limit:
        return None
    return _first(lambda rows: cdf(math.ceil(rate * rows), rows, limit) <= delta, rows_needed(0, limit, delta))


def _first(enough: Callable[[int], bool], low: int) -> int | None:
    """Return about the least number from ``low`` on that is enough; None: beyond ``MOST_ROWS``."""
    high = low
    while not enough(high):
        low, high = high, 2 * high
        if high > MOST_ROWS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _log_terms(count: int, rows: int, probability: float) -> Array:
    """Return the logarithms of the probabilities of 0, 1, ... ``count`` events."""
    logs, events = _log_factorials(rows.bit_length()), np.arange(count + 1)
    ways = logs[rows] - logs[events] - logs[rows - events]
    return np.asarray(ways + events * np.log(probability) + (rows - events) * np.log1p(-probability))


@cache
def _log_factorials(bits: int) -> Array:
    """Return log(0!), log(1!), ... log(n!) for every n of so many bits."""
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, 1 << bits)))])


@lru_cache(maxsize=4096)  # a report asks for the same few hundreds of times
def share_interval(count: int, rows: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a probability that ``count`` of ``rows`` independent draws speak for.

    Clopper and Pearson, "The use of confidence or fiducial limits", Biometrika 26, 1934.
    """
    if rows == 0:
        return 0.0, 1.0
    return 1 - upper_bound(rows - count, rows, _BESIDE), upper_bound(count, rows, _BESIDE)

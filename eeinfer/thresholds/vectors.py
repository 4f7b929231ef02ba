"""One threshold per exit: the vectors that trade what leaving early spares against what it loses, on rows given.

For one exit, with the others fixed, the best threshold is found exactly: of the rows that reach it, sorted by score,
those leave up to which the sum of "value of leaving now minus value of going on" is largest. Exits take turns, from the
last to the first, until nothing changes, from seven starts; the best end counts. N rows, E exits, S starts.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.rule import leaves

Array = NDArray[Any]

PRICES = np.geomspace(0.05, 1000, 18)  # of a loss, in units of all that leaving early can spare
_START_SHARES = (0.02, 0.1, 0.3, 0.6, 0.9)  # of scores above the threshold; two more starts are "nobody" and "all"
_MOST_TURNS = 10
_NUMBERS_AT_ONCE = 1 << 16  # fit in the processor's cache


@dataclass(frozen=True)
class Cuts:
    """Where the rows of one exit, best score first, may be cut in those that leave and those that go on."""

    order: Array  # [N] positions of the rows
    allowed: Array  # [N + 1] whether a cut behind that many rows is one that a threshold makes: never between ties
    taus: Array  # [N + 1] float32 the threshold of each cut

    @classmethod
    def of(cls, scores: Array) -> "Cuts":
        """Return the cuts of the ``scores`` [N] float32 of an exit; thresholds stand half-way between two of them."""
        capped = np.minimum(scores, np.float32(1))
        order = np.argsort(-capped, kind="stable")
        ranked = capped[order]
        above, below = ranked[:-1], ranked[1:]
        halfway = ((above.astype(np.float64) + below) / 2).astype(np.float32)
        halfway = np.where(halfway < above, halfway, below)
        allowed = np.concatenate([[True], above > below, [ranked[-1] > 0]])
        return cls(order, allowed, np.concatenate([[np.float32(1)], np.maximum(halfway, 0), [np.float32(0)]]))

    def best(self, gains: Array) -> Array:
        """Return the thresholds [S] that collect most of ``gains`` [S, N]; of equally good ones the highest."""
        sums = np.zeros((len(gains), len(self.allowed)))
        np.cumsum(gains[:, self.order], axis=1, out=sums[:, 1:])
        sums[:, ~self.allowed] = -np.inf
        return np.asarray(self.taus[sums.argmax(axis=1)])


def vectors(scores: Array, losses: Array, dear: Array, prices: Array = PRICES) -> Array:
    """Return thresholds [P, E] float32, the best at each of P ``prices`` of a loss.

    Args:
        scores: [N, E] float32.
        losses: [N, E] of leaving at each exit, in [0, 1].
        dear: [N, E] what leaving at each exit costs, in any unit.
        prices: [P], in units of the largest difference between two exits' mean cost.
    """
    exits = scores.shape[1]
    cuts = [Cuts.of(scores[:, k]) for k in range(exits - 1)]
    span = float(np.ptp(dear.mean(axis=0))) or 1.0
    starts = _starts(scores)
    at_once = max(1, _NUMBERS_AT_ONCE // (len(scores) * len(starts)))
    parts = np.array_split(prices, -(-len(prices) // at_once))
    return np.concatenate([_best(scores, cuts, starts, dear / span, losses, part) for part in parts])


def _starts(scores: Array) -> Array:
    ends = [np.zeros(scores.shape[1]), np.ones(scores.shape[1])]
    inner = [np.quantile(scores, 1 - share, axis=0) for share in _START_SHARES]
    return np.asarray(np.clip(np.stack([*ends, *inner]), 0, 1), np.float32)


def _best(scores: Array, cuts: list[Cuts], starts: Array, dear: Array, losses: Array, prices: Array) -> Array:
    """Take turns from all starts at all ``prices`` [P] at once, and return the best end of each price, [P, E]."""
    taus = np.tile(starts, (len(prices), 1))
    each = np.repeat(prices, len(starts))
    values = [-(dear[:, k] + np.outer(each, losses[:, k])) for k in range(scores.shape[1])]
    for _ in range(_MOST_TURNS):
        before = taus.copy()
        total = _turn(scores, cuts, taus, values)
        if np.array_equal(before, taus):
            break
    ends = total.reshape(len(prices), len(starts)).argmax(axis=1)
    best: Array = taus.reshape(len(prices), len(starts), -1)[np.arange(len(prices)), ends]
    best[:, -1] = 0  # never looked at
    return best


def _turn(scores: Array, cuts: list[Cuts], taus: Array, values: list[Array]) -> Array:
    """Set each exit's thresholds in ``taus`` [S, E] anew, the last exit's first; return the mean values [S] now.

    ``values`` are [S, N] of leaving at each exit. Rows that leave before an exit have no say there, whatever they
    would gain by it.
    """
    reached = [np.ones(values[0].shape, bool)]
    for k in range(len(cuts) - 1):
        reached.append(reached[-1] & ~leaves(scores[:, k], taus[:, k, np.newaxis]))
    later = values[-1]
    for k in reversed(range(len(cuts))):
        taus[:, k] = cuts[k].best((values[k] - later) * reached[k])
        later = np.where(leaves(scores[:, k], taus[:, k, np.newaxis]), values[k], later)
    return np.asarray(later.mean(axis=1))

"""Candidates from safe to fast, chosen and put in order on some rows, to be tested on others.

Testing along such a path until the first failure needs no correction for how many are tested, and no loss that falls
from one to the next: the order was fixed by rows that the tests do not see (Pareto testing, Laufer-Goldshtein et al.,
ICLR 2023). N rows, E exits, T candidates.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.rule import leaves
from eeinfer.thresholds.promises import Task
from eeinfer.thresholds.vectors import PRICES, vectors

Array = NDArray[Any]

_ONE_TAU_CANDIDATES = 200
_FINER_PRICES = 24
_BETWEEN = 150  # vectors between those
_SURE, _UNSURE = 8, -1  # standard errors from the limit, between which the test will stop


def candidates(scores: Array, task: Task, *, per_exit: bool | None) -> Array:
    """Return thresholds [T, E] float32 worth testing: the same for all exits, one per exit, or (None) both."""
    found = []
    if per_exit is not True:
        found.append(_one_tau(scores))
    if per_exit is not False:
        found.extend(_vectors(scores, task))
    return np.unique(np.concatenate(found), axis=0)


def _vectors(scores: Array, task: Task) -> tuple[Array, Array]:
    """Return vectors over all prices of a loss, and more of them at those prices where the limit is met."""
    losses = task.unit(task.losses)
    coarse = vectors(scores, losses, task.dear)
    margins = _margins(task, at(task.losses, exits_of(scores, coarse)))
    unsure, sure = np.flatnonzero(margins < _UNSURE), np.flatnonzero(margins > _SURE)
    low = PRICES[unsure[-1]] if len(unsure) else PRICES[0]
    high = PRICES[sure[sure > unsure[-1]][0] if len(unsure) and (sure > unsure[-1]).any() else -1]
    finer = vectors(scores, losses, task.dear, np.geomspace(low, high, _FINER_PRICES + 2)[1:-1])
    return coarse, _between(finer)


def _between(taus: Array) -> Array:
    """Return ``taus`` [P, E] and vectors between neighbours: few vectors are the best at some price, far apart."""
    differ = np.concatenate([[True], (taus[1:] != taus[:-1]).any(axis=1)])
    ends = taus[differ]
    steps = -(-_BETWEEN // max(1, len(ends) - 1))
    shares = np.linspace(0, 1, steps, endpoint=False)[:, np.newaxis, np.newaxis]
    between = ends[:-1] + shares * (ends[1:] - ends[:-1])
    return np.concatenate([between.reshape(-1, taus.shape[1]), ends[-1:]]).astype(np.float32)


def _one_tau(scores: Array) -> Array:
    """Evenly many rows between each two of them; and both ends."""
    ranked = np.unique(np.minimum(scores[:, :-1], np.float32(1)))
    places = np.linspace(0, len(ranked) - 1, min(_ONE_TAU_CANDIDATES, len(ranked))).astype(np.int64)
    taus = np.unique(np.concatenate([[np.float32(0)], np.maximum(ranked[places], 0), [np.float32(1)]]))
    return np.tile(taus[:, np.newaxis], (1, scores.shape[1]))


def fixed_order(exits: int, *, falling: bool) -> Array:
    """Return one threshold for all exits, [T, E], in an order that no data had a part in: from 1 down to 0, or up.

    They are even both in tau and in its log odds, since the scores of sure networks lie close to 1.
    """
    logistic = 1 / (1 + np.exp(-np.linspace(-3, 15, 181)))
    taus = np.unique(np.concatenate([np.linspace(0, 1, 51), logistic]).astype(np.float32))
    return np.tile((taus[::-1] if falling else taus)[:, np.newaxis], (1, exits))


def exits_of(scores: Array, taus: Array) -> Array:
    """Return the exit [T, N] at which each row leaves at each of ``taus`` [T, E] float32."""
    exits = np.full((len(taus), len(scores)), scores.shape[1] - 1)
    for k in reversed(range(scores.shape[1] - 1)):
        exits[leaves(scores[:, k], taus[:, k, np.newaxis])] = k
    return exits


def at(table: Array, exits: Array) -> Array:
    """Return the entries [T, N] of a table [N, E] at the rows' exits [T, N]."""
    return np.asarray(table[np.arange(len(table)), exits])


def path(scores: Array, task: Task, taus: Array) -> Array:
    """Return those of ``taus`` [T, E] that none other beats in both safety and cost, the safest first.

    Safety is how many standard errors the mean loss is below the limit.
    """
    exits = exits_of(scores, taus)
    margins = _margins(task, at(task.losses, exits))
    dear = at(task.dear, exits).mean(axis=1)
    if task.saves:
        spares = dear < task.dear[:, -1].mean()
        taus, margins, dear = taus[spares], margins[spares], dear[spares]
    order = np.lexsort((-margins, dear))  # the fastest first; of equally fast ones the safest
    best = np.maximum.accumulate(np.concatenate([[-np.inf], margins[order]]))[:-1]
    return np.asarray(taus[order[margins[order] > best]][::-1])


def _margins(task: Task, losses: Array) -> Array:
    """[T]; no variance of n rows is taken for less than 1 / n, one row that no one saw."""
    unit, rows = task.unit(losses), losses.shape[1]
    variances = unit.var(axis=1) + 1 / rows
    return np.asarray((task.unit(task.limit) - unit.mean(axis=1)) / np.sqrt(variances / rows))

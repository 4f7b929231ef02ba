"""Two ways to thresholds: by halves, along a path of candidates; and one for all exits, from all rows."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from eeinfer.thresholds import binomial, bounds, exact
from eeinfer.thresholds.betting import rows_needed_at
from eeinfer.thresholds.choice import CONFORMAL, EXACT, FIXED_SEQUENCE
from eeinfer.thresholds.given import Rows
from eeinfer.thresholds.paths import Array, at, candidates, exits_of, fixed_order, path
from eeinfer.thresholds.promises import Task
from eeinfer.thresholds.split import halves
from eeinfer.thresholds.testing import last_before_failure, last_in_expectation

_ORDER = 1  # another stream of numbers than that of the split
_AT_ONCE = 16  # candidates that are tested together; few are tested in vain behind the first failure


@dataclass(frozen=True, kw_only=True)
class Search:
    """What was looked at, what was found, and the rows that show it."""

    taus: Array | None  # [E] float32; None: no thresholds are shown to keep the promise
    method: str
    known: Array  # [T, E] candidates
    path: Array  # [P, E] those worth testing, safest first
    parts: int  # into which the rows were split
    rows: Rows  # that certify
    task: Task  # over them
    before: Task | None  # over the rows that chose
    scores_before: Array | None

    def losses(self, taus: Array) -> Array:
        """Return the losses [T, n] in [0, 1] that thresholds [T, E] bring to the rows that certify."""
        return np.asarray(self.task.unit(at(self.task.losses, exits_of(self.rows.scores, taus))))

    def losses_before(self, taus: Array) -> Array | None:
        """Return the same of the rows that chose."""
        if self.before is None or self.scores_before is None:
            return None
        return np.asarray(self.before.unit(at(self.before.losses, exits_of(self.scores_before, taus))))

    def passes(self, delta: float) -> Iterator[bool]:
        """Yield of each candidate on the path whether the rows show that it keeps the promise."""
        limit = self.task.unit(self.task.limit)
        for start in range(0, len(self.path), _AT_ONCE):
            taus = self.path[start : start + _AT_ONCE]
            losses, before = self.losses(taus), self.losses_before(taus)
            values = bounds.p_values(losses, limit, self.task.bound, delta=delta, before=before)
            yield from (values <= delta).tolist()

    def upper(self, delta: float | None) -> float | None:
        """Return the bound of the mean loss at what was found, or else at the safest candidate."""
        if delta is None or (self.taus is None and not len(self.path)):
            return None
        taus = (self.path[0] if self.taus is None else self.taus)[np.newaxis]
        [losses], before = self.losses(taus), self.losses_before(taus)
        seen = None if before is None else before[0]
        return float(self.task.raw(bounds.upper_bound(losses, self.task.bound, delta=delta, before=seen)))

    def dear(self, rows: Rows, task: Task) -> float:
        """Return what the thresholds that were found cost on average over ``rows``; infinity where there are none."""
        return (
            math.inf if self.taus is None else float(at(task.dear, exits_of(rows.scores, self.taus[np.newaxis])).mean())
        )

    def rows_needed(self, rows: Rows, task: Task, delta: float | None) -> int | None:
        """Return about how many rows like these would show it of the safest candidate; None: no number is enough."""
        if not len(self.path):
            return None
        [losses] = at(task.losses, exits_of(rows.scores, self.path[:1]))
        needed = _needed(task.unit(losses), task, delta)
        if needed is not None and self.method == FIXED_SEQUENCE and self.parts == 1 and task.saves:
            first = _needed(task.unit(np.zeros_like(losses)), task, delta)  # that order begins where nobody leaves
            needed = needed if first is None else max(needed, first)
        return None if needed is None else self.parts * needed


def by_halves(rows: Rows, task: Task, delta: float | None, *, per_exit: bool | None, seed: int) -> Search:
    """Choose candidates and their order on one half of the rows, and test them on the other."""
    first, second = halves(len(rows.scores), seed)
    second = _any_order(second, seed)
    chooser, choosing = rows.scores[first], task.part(first)
    known = candidates(chooser, choosing, per_exit=per_exit)
    search = Search(
        taus=None,
        method=CONFORMAL if delta is None else FIXED_SEQUENCE,
        known=known,
        path=path(chooser, choosing, known),
        parts=2,
        rows=rows.part(second),
        task=task.part(second),
        before=choosing,
        scores_before=chooser,
    )
    return replace(search, taus=_in_order(search, delta))


def one_tau(rows: Rows, task: Task, delta: float | None, *, seed: int) -> Search:
    """Find one threshold for all exits with all rows: exactly where the loss allows it, else in a fixed order."""
    order = _any_order(np.arange(len(rows.scores)), seed)
    rows, task = rows.part(order), task.part(order)
    known = fixed_order(rows.scores.shape[1], falling=task.saves)
    exactly = task.saves and (task.bound == bounds.CLOPPER_PEARSON or delta is None)
    search = Search(
        taus=None,
        method=CONFORMAL if delta is None else EXACT if exactly else FIXED_SEQUENCE,
        known=candidates(rows.scores, task, per_exit=False),
        path=known,
        parts=1,
        rows=rows,
        task=task,
        before=None,
        scores_before=None,
    )
    taus = _exactly(rows, task, delta) if exactly else _in_order(search, delta)
    if taus is None or (task.saves and not _anybody_leaves(rows, taus)):
        return replace(search, path=path(rows.scores, task, search.known))
    return replace(search, taus=taus)


def _any_order(rows: Array, seed: int) -> Array:
    """Betting goes along the rows: of rows that are sorted by class it would see the easy ones first."""
    return np.random.default_rng((seed, _ORDER)).permutation(rows)


def _exactly(rows: Rows, task: Task, delta: float | None) -> Array | None:
    if delta is None:
        tau = exact.expected_tau(exact.last_losses(rows.scores, task.losses), task.limit)
    else:
        tau = exact.confident_tau(rows.scores, task.losses, task.limit, delta)
    return None if tau is None else np.full(rows.scores.shape[1], tau, np.float32)


def _in_order(search: Search, delta: float | None) -> Array | None:
    """Go along the path until the rows do not show any more that the promise is kept."""
    if not len(search.path):
        return None
    if delta is not None:
        place = last_before_failure(search.passes(delta))
    else:
        losses = at(search.task.losses, exits_of(search.rows.scores, search.path))
        place = last_in_expectation(losses / search.task.high, search.task.limit / search.task.high)
    return None if place is None else np.asarray(search.path[place])


def _anybody_leaves(rows: Rows, taus: Array) -> bool:
    """Whether anybody leaves early: else there is nothing to promise."""
    return bool((exits_of(rows.scores, taus[np.newaxis]) < rows.scores.shape[1] - 1).any())


def _needed(unit: Array, task: Task, delta: float | None) -> int | None:
    """Rows like those with losses ``unit`` [n] that show their mean to be within the limit."""
    limit, mean = task.unit(task.limit), float(unit.mean())
    if mean >= limit:
        return None
    if delta is None:
        harm = float(np.maximum(task.raw(unit), 0).mean())
        return math.ceil((task.high - task.limit) / (task.limit - harm)) if harm < task.limit else None
    return binomial.rows_needed_at(mean, limit, delta) if task.binary else rows_needed_at(unit, limit, delta)

"""From every exit's answers and a promise to thresholds. N rows, E exits."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from eeinfer.errors import InputError, did_you_mean
from eeinfer.numbers import is_number
from eeinfer.thresholds.bounds import BOUNDS, CLOPPER_PEARSON
from eeinfer.thresholds.choice import Choice, by_eye, outcome
from eeinfer.thresholds.given import Rows, as_rows
from eeinfer.thresholds.promises import (
    CONSISTENCY,
    MAX_COST,
    MAX_LOSS,
    MIN_ACCURACY,
    Promise,
    Task,
    as_promise,
    as_task,
)
from eeinfer.thresholds.search import Search, by_halves, one_tau


def choose(
    scores: ArrayLike,
    predictions: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    max_loss: float | None = None,
    min_accuracy: float | None = None,
    consistency: float | None = None,
    max_cost: float | None = None,
    percentile: float | None = None,
    confidence: float = 0.95,
    in_expectation: bool = False,
    per_exit: bool | None = None,
    full: ArrayLike | None = None,
    costs: ArrayLike | None = None,
    bound: str | None = None,
    seed: int = 0,
) -> Choice:
    """Find the fastest thresholds that keep a promise, on rows that had no part in training or calibration.

    Exactly one promise is given. Thresholds and their order are chosen on one half of the rows and tested on the
    other, the safe ones first, until one fails. One threshold for all exits needs no halves: its order is known.

    Args:
        scores: [N, E], what each exit is judged by, in [0, 1]; a row leaves where its score is above tau.
        predictions: [N, E], the class that each exit answers.
        labels: [N]; consistency and max_cost do without.
        max_loss: share of rows by which accuracy may be below the full network's, such as 0.01.
        min_accuracy: share of rows answered with their label, at least.
        consistency: share of rows answered as the full network does, at least.
        max_cost: mean cost of a row, at most, in the unit of ``costs``; the errors are made few.
        percentile: of ``max_cost``: that share of rows, in percent, costs no more; None bounds the mean.
        confidence: how sure the promise is to be, over draws of the rows.
        in_expectation: keep the promise on average over draws of the rows instead, which allows more.
        per_exit: True looks for a threshold for each exit, False for one for all, None takes the better.
        full: [N] predictions of the full network; None takes the last exit's.
        costs: of leaving at each exit, [E], or [N, E] for each row; None counts exits.
        bound: clopper-pearson (losses of 0 or 1), hoeffding-bentkus or betting; None takes the sharpest.
        seed: of the split in halves, and of the order in which rows are looked at, whatever order they come in.

    Raises:
        InputError: arrays that do not belong together, scores that are not finite, labels of one class, none or two
            promises, or one that nothing can keep.

    Example:
        >>> found = eeinfer.thresholds.choose(answers.scores, answers.predictions, labels, max_loss=0.01)
        >>> found.taus
    """
    kinds = {MAX_LOSS: max_loss, MIN_ACCURACY: min_accuracy, CONSISTENCY: consistency, MAX_COST: max_cost}
    promise = as_promise(kinds, percentile)
    if not is_number(confidence, 0, 1) or confidence in (0, 1):
        raise InputError(f"confidence is {confidence}; give a number between 0 and 1, such as 0.95")
    rows = as_rows(scores, predictions, labels, full, costs)
    task = _bounded(as_task(promise, rows.predictions, rows.labels, rows.full, rows.costs), bound)
    delta = None if in_expectation else 1 - confidence
    search, level = _search(rows, task, delta, per_exit, seed)
    return _choice(search, promise, rows, task, seed, delta, level)


def _search(
    rows: Rows, task: Task, delta: float | None, per_exit: bool | None, seed: int
) -> tuple[Search, float | None]:
    """Return the search that found the faster thresholds, and the error rate at which they were tested.

    Where both are tried each has half the error rate, and then either may be taken. An expectation cannot be shared
    out: there, the first half of the rows decides.
    """
    if per_exit is False:
        return one_tau(rows, task, delta, seed=seed), delta
    if per_exit or delta is None:
        return by_halves(rows, task, delta, per_exit=per_exit, seed=seed), delta
    level = delta / 2
    searches = [one_tau(rows, task, level, seed=seed), by_halves(rows, task, level, per_exit=True, seed=seed)]
    return min(searches, key=lambda search: search.dear(rows, task)), level


def _bounded(task: Task, bound: str | None) -> Task:
    if bound is None:
        return task
    if bound not in BOUNDS or (bound == CLOPPER_PEARSON and not task.binary):
        known = BOUNDS if task.binary else BOUNDS[1:]
        near = did_you_mean(bound, known)
        raise InputError(f"bound is {bound!r}; {near}for this promise give one of {', '.join(known)}")
    return replace(task, bound=bound)


def _choice(
    search: Search,
    promise: Promise,
    rows: Rows,
    task: Task,
    seed: int,
    delta: float | None,
    level: float | None,
) -> Choice:
    on, shown = search.rows, search.task
    return Choice(
        promise=promise,
        limit=task.limit,
        confidence=None if delta is None else 1 - delta,
        level=level,
        method=search.method,
        bound=None if delta is None else task.bound,
        seed=seed,
        rows=len(rows.scores),
        certified_on=len(on.scores),
        found=None if search.taus is None else outcome(on, shown, search.taus),
        upper=search.upper(level),
        by_eye=by_eye(on, shown, search.known),
        never_early=outcome(on, shown, np.ones(rows.scores.shape[1], np.float32)),
        rows_needed=None if search.taus is not None else search.rows_needed(rows, task, level),
    )

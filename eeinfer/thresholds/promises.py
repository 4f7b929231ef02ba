"""Promises, and what each of them bounds: a loss for every row and exit. N rows, E exits."""

from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from eeinfer.errors import InputError
from eeinfer.numbers import is_number
from eeinfer.thresholds.bounds import BETTING, CLOPPER_PEARSON

Array = NDArray[Any]

MAX_LOSS, MIN_ACCURACY, CONSISTENCY, MAX_COST = "max_loss", "min_accuracy", "consistency", "max_cost"
_RARE = 10  # times what is usual: a row that costs more counts for no more
KINDS = (MAX_LOSS, MIN_ACCURACY, CONSISTENCY, MAX_COST)


class Promise(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the thresholds are to keep, on average over all rows there are."""

    kind: str  # one of KINDS
    value: float  # a share in (0, 1), or, of a cost, in the unit of the costs; a measured one counts up to ten times it
    percentile: float | None = None  # of a cost: that share of all rows, in percent, is to cost no more; None: the mean


@dataclass(frozen=True, kw_only=True)
class Task:
    """A promise as numbers: the mean of ``losses`` may be ``limit``, and that of ``dear`` is to be small.

    Losses lie in [low, high], of which [0, 1] is what the bounds know.
    """

    losses: Array  # [N, E] of leaving at each exit
    limit: float
    low: float
    high: float
    binary: bool  # whether every loss is 0 or 1
    bound: str  # the sharpest one for such losses
    dear: Array  # [N, E]: what is saved on by leaving early, or, where cost is bounded, the errors
    saves: bool  # whether leaving early saves, so that thresholds at which nobody does are no answer

    def part(self, rows: Array) -> "Task":
        """Pick rows by their positions."""
        return replace(self, losses=self.losses[rows], dear=self.dear[rows])

    def unit(self, losses: Any) -> Any:
        """Return losses, or a limit, on the scale [0, 1]."""
        return (losses - self.low) / (self.high - self.low)

    def raw(self, unit: Any) -> Any:
        """The opposite of `unit`."""
        return self.low + unit * (self.high - self.low)


def as_promise(given: dict[str, float | None], percentile: float | None) -> Promise:
    """Return the one promise that was made.

    Args:
        given: a value by each of ``KINDS``; None where it was not given.
        percentile: in (0, 100), of a cost.

    Raises:
        InputError: none, two, or one that nothing could keep or that keeps itself.
    """
    made = {kind: value for kind, value in given.items() if value is not None}
    if len(made) != 1:
        known = " and ".join(made) if made else "none"
        raise InputError(f"of the promises {', '.join(given)} give exactly one, not {known}")
    [(kind, value)] = made.items()
    if not is_number(value, 0, np.inf) or value == 0 or (kind != MAX_COST and value >= 1):
        raise InputError(
            f"{kind} is {value}; no number of rows can show 0 or 1 of anything: give "
            + ("more than 0" if kind == MAX_COST else "a share between 0 and 1, such as 0.01 for one percent")
        )
    if percentile is not None and (kind != MAX_COST or not is_number(percentile, 0, 100) or percentile in (0, 100)):
        raise InputError(f"percentile is {percentile} of {kind}; give one between 0 and 100, and only of a cost")
    return Promise(kind=kind, value=float(value), percentile=percentile)


def as_task(promise: Promise, predictions: Array, labels: Array | None, full: Array, costs: Array) -> Task:
    """Return the promise as a loss for every row and exit.

    Args:
        promise: what is to be kept.
        predictions: [N, E] of every exit.
        labels: [N]; None where nobody knows them.
        full: [N] predictions of the full network.
        costs: [N, E] of leaving at each exit.

    Raises:
        InputError: the promise needs labels; or leaving at the first exit costs more than it allows.
    """
    differs = (predictions != full[:, np.newaxis]).astype(np.float64)
    if promise.kind == CONSISTENCY:
        return _events(differs, 1 - promise.value, costs)
    wrong = differs if labels is None else (predictions != labels[:, np.newaxis]).astype(np.float64)
    if promise.kind == MAX_COST:
        return _cost(promise, costs, wrong)
    if labels is None:
        raise InputError(f"{promise.kind} needs labels; without them promise consistency, agreement with the network")
    if promise.kind == MIN_ACCURACY:
        return _events(wrong, 1 - promise.value, costs)
    gap = wrong - (full != labels).astype(np.float64)[:, np.newaxis]
    return Task(losses=gap, limit=promise.value, low=-1, high=1, binary=False, bound=BETTING, dear=costs, saves=True)


def _events(losses: Array, limit: float, dear: Array, *, saves: bool = True) -> Task:
    return Task(losses=losses, limit=limit, low=0, high=1, binary=True, bound=CLOPPER_PEARSON, dear=dear, saves=saves)


def _cost(promise: Promise, costs: Array, wrong: Array) -> Task:
    if (least := float(costs[:, 0].mean())) > promise.value:
        raise InputError(
            f"max_cost is {promise.value:g}, and leaving at the first exit costs {least:g} already; give more than that"
        )
    if promise.percentile is not None:
        over = (costs > promise.value).astype(np.float64)
        return _events(over, 1 - promise.percentile / 100, wrong, saves=False)
    most = _most(costs, promise.value)
    return Task(
        losses=np.minimum(costs, most),
        limit=promise.value,
        low=0,
        high=most,
        binary=False,
        bound=BETTING,
        dear=wrong,
        saves=False,
    )


def _most(costs: Array, value: float) -> float:
    """Return what a row counts for at most: nothing can be shown of a mean to which rare rows add without limit.

    Costs that are known for each exit have their own limit. Measured ones count up to ten times the promise, or ten
    times what the full network usually takes.
    """
    if (costs == costs[0]).all():
        return max(float(costs.max()), 2 * value)
    return _RARE * max(value, float(np.median(costs[:, -1])))

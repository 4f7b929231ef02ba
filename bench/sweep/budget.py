"""What accuracy a compute budget buys: the 25 / 50 / 75 / 100 / Max table, under two selection rules.

Budgets are shares of the network without early exits. `last_affordable` is the table of "Joint or Disjoint"
(Kubaty et al.): the largest tau whose mean cost stays within the budget, without interpolation, and at Max the last
exit. It can fall from one budget to the next, because the largest affordable tau need not be the most accurate.
`best_affordable` is the rule of ZTW (Wolczyk et al., 2021): the best accuracy at a mean cost strictly below the
budget, and at Max the best over all thresholds. The two must not be mixed in one table.
"""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from eeinfer.errors import InputError

FRACTIONS: tuple[float | None, ...] = (0.25, 0.5, 0.75, 1.0, None)  # None: no limit, the column "Max"
LAST_AFFORDABLE = "largest affordable tau"
BEST_AFFORDABLE = "best affordable accuracy"

Floats = NDArray[np.float64]


class BudgetCell(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One column of the table; every number is None where even the first exit costs more than the budget."""

    fraction: float | None  # of the static network's FLOPs; None is Max
    point: float | None  # of the grid: its tau, budget, ...; None as well where runs chose different ones
    accuracy: float | None  # mean over runs
    deviation: float | None  # unbiased over runs; None for a single run
    mean_flops: float | None


def last_affordable(points: ArrayLike, accuracy: ArrayLike, mean_flops: ArrayLike, static: float) -> list[BudgetCell]:
    """Select the last threshold within each budget, costs and accuracies averaged over runs first.

    Args:
        points: [T], what tells the thresholds apart, such as tau; cheapest first.
        accuracy: [T], or [runs, T] for several seeds of one experiment.
        mean_flops: like ``accuracy``; non-decreasing.
        static: FLOPs of the network without early exits.
    """
    grid, scores, costs = _tables(points, accuracy, mean_flops)
    mean_cost = costs.mean(axis=0)
    cells = []
    for fraction in FRACTIONS:
        t = last_within(mean_cost, fraction, static)
        cells.append(_cell(fraction, grid, scores, costs, None if t is None else [t] * len(scores)))
    return cells


def best_affordable(points: ArrayLike, accuracy: ArrayLike, mean_flops: ArrayLike, static: float) -> list[BudgetCell]:
    """Select the most accurate threshold below each budget, run by run, and average over runs afterwards."""
    grid, scores, costs = _tables(points, accuracy, mean_flops)
    cells = []
    for fraction in FRACTIONS:
        chosen = [best_below(*run, fraction, static) for run in zip(scores, costs, strict=True)]
        found = [t for t in chosen if t is not None]
        cells.append(_cell(fraction, grid, scores, costs, found if len(found) == len(chosen) else None))
    return cells


RULES: dict[str, Callable[[ArrayLike, ArrayLike, ArrayLike, float], list[BudgetCell]]] = {
    LAST_AFFORDABLE: last_affordable,
    BEST_AFFORDABLE: best_affordable,
}


def last_within(costs: Floats, fraction: float | None, static: float) -> int | None:
    """Return the last index before `costs` [T] first exceed the budget; None where the first one does already."""
    over = costs > (np.inf if fraction is None else fraction * static)
    if not over.any():
        return len(costs) - 1
    first = int(over.argmax())
    return first - 1 if first > 0 else None


def best_below(accuracy: Floats, costs: Floats, fraction: float | None, static: float) -> int | None:
    """Return the index of the best accuracy [T] among costs [T] strictly below the budget; of equals, the first."""
    within = costs < (np.inf if fraction is None else fraction * static)
    return int(np.where(within, accuracy, -1.0).argmax()) if within.any() else None


def _cell(
    fraction: float | None, points: Floats, accuracy: Floats, costs: Floats, chosen: Sequence[int] | None
) -> BudgetCell:
    if chosen is None:
        return BudgetCell(fraction=fraction, point=None, accuracy=None, deviation=None, mean_flops=None)
    values = accuracy[np.arange(len(chosen)), chosen]
    return BudgetCell(
        fraction=fraction,
        point=float(points[chosen[0]]) if len(set(chosen)) == 1 else None,
        accuracy=float(values.mean()),
        deviation=float(values.std(ddof=1)) if len(values) > 1 else None,
        mean_flops=float(costs[np.arange(len(chosen)), chosen].mean()),
    )


def _tables(points: ArrayLike, accuracy: ArrayLike, mean_flops: ArrayLike) -> tuple[Floats, Floats, Floats]:
    grid = np.asarray(points, np.float64)
    scores = np.atleast_2d(np.asarray(accuracy, np.float64))
    costs = np.atleast_2d(np.asarray(mean_flops, np.float64))
    if scores.shape != costs.shape or scores.shape[1:] != grid.shape or scores.size == 0:
        raise InputError(
            f"{grid.shape} thresholds, accuracies {scores.shape} and costs {costs.shape} do not belong together; "
            "give [T] thresholds and [runs, T] of both"
        )
    return grid, scores, costs

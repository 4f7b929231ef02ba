"""Every threshold from one pass: what a cascade would have answered, computed from all exits of all rows.

The rule is the runtime's own, `eeinfer.rule`. Shapes: N rows, E exits, T thresholds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.errors import InputError
from eeinfer.rule import exits_at

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What each threshold does to a data set; rows of the arrays are thresholds."""

    exits: Array  # [T, N] int64, where each row leaves
    accuracy: Array  # [T] share of rows answered with their label
    mean_flops: Array  # [T] per row, multiply-adds, heads on the way included
    shares: Array  # [T, E] share of rows leaving at each exit

    def by_cost(self) -> Array:
        """Return the positions [T] of the thresholds, cheapest first; equally dear ones keep their order."""
        return np.argsort(self.mean_flops, kind="stable")

    def part(self, points: Array) -> "Sweep":
        """Pick thresholds by their positions."""
        return Sweep(**{field.name: getattr(self, field.name)[points] for field in fields(self)})

    def plus(self, other: "Sweep") -> "Sweep":
        """Append other thresholds."""
        names = [field.name for field in fields(self)]
        return Sweep(**{name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in names})


def sweep(scores: Array, predictions: Array, labels: Array, cumulative_flops: Sequence[int], taus: Array) -> Sweep:
    """Apply every threshold to the outputs of all exits.

    Args:
        scores: [N, E], what each exit is judged by.
        predictions: [N, E], the class each exit would answer.
        labels: [N]. A row whose answering score is not finite counts as wrong: the engine answers it with -1.
        cumulative_flops: E costs of leaving at each exit.
        taus: [T] thresholds for all exits, or [T, E] with one for each.

    Raises:
        InputError: the arrays disagree in rows or exits.
    """
    _check(scores, predictions, labels, cumulative_flops)
    rows = np.arange(len(scores))
    right = (predictions == labels[:, np.newaxis]) & np.isfinite(scores)
    exits = np.stack([exits_at(scores, tau) for tau in taus])
    counts = np.stack([np.bincount(left, minlength=scores.shape[1]) for left in exits])
    return Sweep(
        exits=exits,
        accuracy=np.array([right[rows, left].mean() for left in exits]),
        mean_flops=counts
        @ np.asarray(cumulative_flops, np.int64)
        / len(scores),  # whole numbers: equal costs stay equal
        shares=counts / len(scores),
    )


def _check(scores: Array, predictions: Array, labels: Array, cumulative_flops: Sequence[int]) -> None:
    if scores.ndim != 2 or 0 in scores.shape or scores.shape != predictions.shape:
        raise InputError(
            f"scores are {scores.shape} and predictions {predictions.shape}; both must be [rows, exits], not empty"
        )
    if labels.shape != scores.shape[:1]:
        raise InputError(f"there are {len(scores)} rows of scores but labels of shape {labels.shape}; give one per row")
    if len(cumulative_flops) != scores.shape[1]:
        raise InputError(f"there are {scores.shape[1]} exits but {len(cumulative_flops)} costs; give one per exit")

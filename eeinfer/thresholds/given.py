"""What `choose` is given, looked at: arrays that belong together and can say something. N rows, E exits."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from eeinfer.errors import InputError

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Every exit's answer to every row, and what leaving there costs."""

    scores: Array  # [N, E] float32
    predictions: Array  # [N, E]
    labels: Array | None  # [N]
    full: Array  # [N] predictions of the full network
    costs: Array  # [N, E] float64

    def part(self, rows: Array) -> "Rows":
        """Pick rows by their positions."""
        labels = None if self.labels is None else self.labels[rows]
        return Rows(
            scores=self.scores[rows],
            predictions=self.predictions[rows],
            labels=labels,
            full=self.full[rows],
            costs=self.costs[rows],
        )


def as_rows(
    scores: ArrayLike, predictions: ArrayLike, labels: ArrayLike | None, full: ArrayLike | None, costs: ArrayLike | None
) -> Rows:
    """Return the arrays in one shape each.

    Raises:
        InputError: they do not belong together, a score is not finite, or the labels are of one class.
    """
    found, answers = np.asarray(scores), np.asarray(predictions)
    if found.ndim != 2 or found.shape != answers.shape or found.shape[1] < 2 or not len(found):
        raise InputError(
            f"scores are {list(found.shape)} and predictions {list(answers.shape)}; give both as [rows, exits], with "
            "two exits or more"
        )
    found = found.astype(np.float32)
    if bad := int((~np.isfinite(found)).any(axis=1).sum()):
        raise InputError(f"{bad} of {len(found)} rows have a score that is NaN or infinite; leave these rows out")
    if found.min() < -1e-5 or found.max() > 1 + 1e-5:
        raise InputError(f"scores run from {found.min():g} to {found.max():g}; give scores in [0, 1]")
    return Rows(
        scores=found,
        predictions=answers,
        labels=None if labels is None else _labels(labels, len(found)),
        full=answers[:, -1] if full is None else _per_row("full", full, len(found)),
        costs=_costs(costs, found.shape),
    )


def _labels(given: ArrayLike, count: int) -> Array:
    labels = _per_row("labels", given, count)
    if not np.issubdtype(labels.dtype, np.integer) or labels.min() < 0:
        raise InputError(f"labels are {labels.dtype} from {labels.min()} on; give whole numbers from 0 on")
    if count > 1 and (labels == labels[0]).all():
        raise InputError(f"all {count} rows have the label {labels[0]}; one class says nothing of the others")
    return labels


def _per_row(name: str, given: ArrayLike, count: int) -> Array:
    found = np.asarray(given)
    if found.shape != (count,):
        raise InputError(f"{name} have the shape {list(found.shape)}; give one for each of the {count} rows")
    return found


def _costs(given: ArrayLike | None, shape: tuple[int, ...]) -> Array:
    if given is None:
        return np.tile(np.arange(1, shape[1] + 1) / shape[1], (shape[0], 1))
    costs = np.asarray(given, np.float64)
    if costs.shape not in (shape, shape[1:]):
        raise InputError(f"costs have the shape {list(costs.shape)}; give one per exit, {shape[1]}, or {list(shape)}")
    if not np.isfinite(costs).all() or costs.min() < 0:
        raise InputError("a cost is negative or not finite; give what leaving at each exit costs, 0 or more")
    return np.broadcast_to(costs, shape)

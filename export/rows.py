"""Rows leave a batch one by one: the answer to a row may not depend on its company, nor on the order of the batch."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.bundle.layout import EXIT_OUTPUTS
from eeinfer.errors import ExportError
from eeinfer.export.reference import Chain, Exit

ALONE_UP_TO = 7  # rows of a batch that are all tried alone; larger batches are torn in two

Array = NDArray[Any]
Batch = dict[str, Array]


def require_own_rows(chain: Chain, batch: Batch, answers: Sequence[Exit], tolerance: float) -> None:
    """Run the rows of `batch` in other company and compare with `answers`, what they got in that batch.

    Raises:
        ExportError: naming the exit and the first tensor in which one row sees another.
    """
    for rows, how in _companies(len(answers[0]["score"])):
        part = {name: np.ascontiguousarray(array[rows]) for name, array in batch.items()}
        for k, (found, wanted) in enumerate(zip(chain(part), answers, strict=True)):
            error = max(_error(found, wanted, rows, kind) for kind in ("logits", "score"))
            if not error <= tolerance * max(1.0, _largest(wanted["logits"])):
                raise ExportError(
                    f"exit {k} answers a row differently {how} and in a batch (by {error:.2g}), {_where(chain, batch)}"
                    "; remove what mixes rows, such as statistics, attention, sorting or sums over the batch"
                )


def _companies(size: int) -> Iterator[tuple[list[int], str]]:
    """Rows of a batch of `size` that shall answer as in that batch, and what is different about their company."""
    if size < 2:
        return
    if size <= ALONE_UP_TO:
        yield from (([row], "alone") for row in range(size))
        yield [*reversed(range(size))], "in another order"
        return
    mixed = np.random.default_rng(size).permutation(size).tolist()
    yield mixed[: size // 3], "in other company"
    yield mixed[size // 3 :], "in other company"


def _error(found: Exit, wanted: Exit, rows: Sequence[int], kind: str) -> float:
    return _difference(found[kind], wanted[kind][rows])


def _difference(a: Array, b: Array) -> float:
    error = np.abs(a.astype(np.float64) - b.astype(np.float64))
    return float(np.nan_to_num(error, nan=np.inf).max(initial=0.0))


def _largest(values: Array) -> float:
    return float(np.abs(values).max(initial=0.0))


def _where(chain: Chain, batch: Batch) -> str:
    """Find the first tensor that a segment hands on or answers with in which rows differ."""
    whole = chain.values(batch)
    for row in reversed(range(len(next(iter(batch.values()))))):
        alone = chain.values({name: np.ascontiguousarray(array[row : row + 1]) for name, array in batch.items()})
        for segment, one, many in zip(chain.segments, alone, whole, strict=True):
            for name in sorted(one, key=EXIT_OUTPUTS.__contains__):  # what it carries first
                error = _difference(one[name], many[name][row : row + 1])
                if error > 1e-3 * max(1.0, _largest(many[name])):
                    return f"as {name!r} of the segment that ends at {segment.module or 'its exit'!r} shows"
    return "as its logits show"

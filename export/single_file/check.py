"""The last look at a single file: does it answer as its bundle does, wherever rows leave?"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.backends.base import Inputs
from eeinfer.backends.ort.sessions import open_session
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import ExportError, NonFiniteWarning
from eeinfer.export.optimise.trial import trial_inputs
from eeinfer.export.parting import parting_taus
from eeinfer.export.single_file.nested import ANSWERS, TAU
from eeinfer.loading import load
from eeinfer.result import AllExits
from eeinfer.rule import leaves

BATCH_SIZES = (1, 2, 7)
_RERUN = "the file was not written; report the bundle, whose own answers are right"

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """What was compared, and how well it agreed."""

    max_abs_error: float  # over logits
    exits: tuple[int, ...]  # exits at which rows left, of all runs
    runs: int


def compare(file: Path, bundle: Bundle, *, tolerance: float) -> Agreement:
    """Run ``file`` on inputs of the bundle's kind at several taus and batch sizes, and hold it against the segments.

    The taus are 0, 1, the default ones, and two that part the rows of the inputs. A score within ``tolerance`` of tau
    may fall on either side of it, because kernels differ in the last bits; the answers of that exit must agree.

    Raises:
        ExportError: an answer differs by more than ``tolerance`` (for logits beyond 1, relative to the largest), or a
            row leaves where the rule does not let it, or pixels that are NaN are not answered with -1.
    """
    batches = [*map(partial(_batch, bundle), BATCH_SIZES)]
    with load(bundle.path, threads=1, verify=False) as engine, warnings.catch_warnings():
        warnings.simplefilter("ignore", NonFiniteWarning)
        every = [engine.all_exits(batch) for batch in batches]
    session, _ = open_session(file, threads=1)
    error, seen, runs = 0.0, set[int](), 0
    for taus in (None, *_taus([answers.scores for answers in every])):
        for batch, answers in zip(batches, every, strict=True):
            feed = {**batch, **({} if taus is None else {TAU: taus})}
            found = dict(zip(ANSWERS, session.run(list(ANSWERS), feed), strict=True))
            used = np.asarray(bundle.manifest.taus, np.float32) if taus is None else taus
            error = max(error, _check(found, answers, used, tolerance))
            seen |= set(found["exit"].tolist())
            runs += 1
    return Agreement(max_abs_error=error, exits=tuple(sorted(seen - {-1})), runs=runs)


def _batch(bundle: Bundle, size: int) -> Inputs:
    """Rows to compare on; the last batch has one with NaN in its middle, where an input can hold such."""
    batch = trial_inputs(bundle, size)
    floats = [array for array in batch.values() if array.dtype.kind == "f"]
    if size == max(BATCH_SIZES) and floats:
        floats[0][size // 2] = np.nan
    return batch


def _taus(scores: Sequence[Array]) -> list[Array]:
    """All leave at once, none early, each exit parts its rows, and one number that parts the rows of the first."""
    parting = parting_taus(np.concatenate(scores))
    return [np.full(len(parting), tau, np.float32) for tau in (0, 1, parting[0])] + [parting]


def _check(found: dict[str, Array], every: AllExits, taus: Array, tolerance: float) -> float:
    """Compare one run, rows [B], with every exit's answers [B, E]; return the largest error of a logit."""
    errors = [_row_error(row, found, every, taus, tolerance) for row in range(len(every))]
    return max(errors)


def _row_error(row: int, found: dict[str, Array], every: AllExits, taus: Array, tolerance: float) -> float:
    exit, scores = int(found["exit"][row]), every.scores[row]
    where = f"row {row} of {len(every)} at tau {np.array2string(taus, precision=4)}"
    if np.isnan(scores).all() and np.isnan(every.logits[row]).all():  # never entered the network
        if (exit, int(found["prediction"][row])) != (-1, -1) and np.isfinite(found["score"][row]):
            raise ExportError(f"{where} has no finite pixels or scores, but the single file answers; {_RERUN}")
        return 0.0
    last = len(scores) - 1
    passed_by = leaves(scores[: max(exit, 0)], taus[: max(exit, 0)] + tolerance)
    if not 0 <= exit <= last or passed_by.any() or not (exit == last or leaves(scores[exit], taus[exit] - tolerance)):
        raise ExportError(f"{where} leaves the single file at exit {exit}, scores are {scores}; {_RERUN}")
    wanted = every.logits[row, exit]
    allowed = tolerance * max(1.0, float(np.nanmax(np.abs(wanted), initial=0.0)))
    pairs = ((found["logits"][row], wanted), (found["score"][row], scores[exit]))
    if not all(np.allclose(a, b, rtol=0, atol=allowed, equal_nan=True) for a, b in pairs):
        raise ExportError(f"{where} has other logits or another score at exit {exit} in the single file; {_RERUN}")
    best, second = np.sort(wanted)[::-1][:2] if len(wanted) > 1 else (np.inf, 0)
    if best - second > 2 * allowed and found["prediction"][row] != every.predictions[row, exit]:
        raise ExportError(f"{where} has another prediction at exit {exit} in the single file; {_RERUN}")
    return float(np.nanmax(np.abs(found["logits"][row] - wanted), initial=0.0))

"""Whether a bundle answers here as it did where its golden file was recorded: what compares languages and devices."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eeinfer.engine import Engine
from eeinfer.errors import NonFiniteWarning
from eeinfer.golden.file import Golden
from eeinfer.result import AllExits
from eeinfer.rule import SCORE_EPSILON

_SCORES = 10  # times the tolerance: a score moves so far before export counts it as another one


@dataclass(frozen=True, kw_only=True)
class ExitCheck:
    """One exit against what was recorded, over all rows."""

    logit_error: float  # largest, absolute; infinite where one side alone is not finite
    allowed: float
    score_error: float
    predictions: int  # rows whose prediction differs, beyond what the allowed error explains


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A bundle against its golden file."""

    rows: int
    exits: tuple[ExitCheck, ...]
    moved: tuple[int, ...]  # rows that leave at another exit, in a batch or alone, and are not near a threshold
    tolerance: float

    @property
    def differences(self) -> list[str]:
        """What is beyond the tolerance, a sentence each."""
        found = []
        for k, exit in enumerate(self.exits):
            if not exit.logit_error <= exit.allowed:
                found.append(f"a logit of exit {k} is off by {exit.logit_error:.2g}, more than {exit.allowed:.2g}")
            if not exit.score_error <= _SCORES * self.tolerance:
                found.append(f"a score of exit {k} is off by {exit.score_error:.2g}")
            if exit.predictions:
                found.append(f"exit {k} predicts another class for {exit.predictions} of {self.rows} rows")
        if self.moved:
            found.append(
                f"{len(self.moved)} of {self.rows} rows leave at another exit, the first is row {self.moved[0]}"
            )
        return found


def compare(engine: Engine, golden: Golden, *, tolerance: float) -> Comparison:
    """Run the recorded rows through every exit, then through the cascade, together and one by one.

    Args:
        engine: of the bundle that ``golden`` was recorded from.
        golden: what to hold it against.
        tolerance: largest absolute error of a logit, relative to the largest recorded one beyond 1; 0 asks for the
            same bits.

    Raises:
        InputError: the recorded inputs are not what the bundle takes.
    """
    names = [input.tensor.name for input in engine.manifest.inputs]
    given = dict(zip(names, golden.inputs, strict=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NonFiniteWarning)  # such rows are part of what was recorded
        every = engine.all_exits(given)
        ways = [engine(given, tau=golden.taus).exits]
        rows = ({name: array[row : row + 1] for name, array in given.items()} for row in range(len(golden)))
        ways.append(np.concatenate([engine(row, tau=golden.taus).exits for row in rows]))
    exits = tuple(_exit(k, every, golden, tolerance) for k in range(len(golden.taus)))
    moved = sorted({row for way in ways for row in _moved(way, golden, tolerance)})
    return Comparison(rows=len(golden), exits=exits, moved=tuple(moved), tolerance=tolerance)


def _exit(k: int, every: AllExits, golden: Golden, tolerance: float) -> ExitCheck:
    wanted, predicted = golden.logits[:, k], golden.predictions[:, k]
    allowed = tolerance * max(1.0, float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0)))
    best = np.sort(wanted, axis=1)[:, -2:]
    tied = best[:, -1] - best[:, 0] < 2 * allowed if wanted.shape[1] > 1 else np.zeros(len(wanted), np.bool_)
    return ExitCheck(
        logit_error=_error(every.logits[:, k], wanted),
        allowed=allowed,
        score_error=_error(every.scores[:, k], golden.scores[:, k]),
        predictions=int(((every.predictions[:, k] != predicted) & ~tied).sum()),
    )


def _error(found: NDArray[np.float32], wanted: NDArray[np.float32]) -> float:
    """The largest difference: NaN equals NaN, and infinity itself."""
    same = (found == wanted) | (np.isnan(found) & np.isnan(wanted))
    off = np.abs(found[~same].astype(np.float64) - wanted[~same])
    return float(np.nan_to_num(off, nan=np.inf).max(initial=0))


def _moved(exits: NDArray[np.int64], golden: Golden, tolerance: float) -> list[int]:
    near = _SCORES * tolerance + SCORE_EPSILON
    close = np.abs(golden.scores - golden.taus) <= near if tolerance > 0 else np.zeros(golden.scores.shape, np.bool_)
    found = []
    for row in np.flatnonzero(exits != golden.exits).tolist():
        first = min(int(exits[row]), int(golden.exits[row]))
        if not close[row, : first + 1].any():
            found.append(row)
    return found

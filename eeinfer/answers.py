"""Answers on their way to the caller: each row's, written when it leaves, at its place in the call."""

import math
import warnings
from dataclasses import dataclass
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eeinfer.backends.base import Exit
from eeinfer.errors import NonFiniteWarning
from eeinfer.result import Departure, Result

_NAMED_ROWS = 10


class Leaving(NamedTuple):
    """Who leaves at exit k: n of the rows that were run."""

    k: int
    exit: Exit  # of all rows that were run
    leaves: NDArray[np.int64]  # [n] which of them leave
    rows: NDArray[np.int64]  # [n] their places in the call
    near: NDArray[np.bool_]  # [n] whether one of their decisions was within SCORE_EPSILON of tau

    @classmethod
    def of(cls, k: int, exit: Exit, leaves: list[int], rows: list[int], near: set[int]) -> "Leaving":
        """Say it of the rows ``leaves``, whose places in the call are in ``rows``, and of those the near ones."""
        places = [rows[i] for i in leaves]
        flags = [place in near for place in places]
        return cls(k, exit, np.array(leaves), np.array(places), np.array(flags))

    def departure(self, flops: int, seconds: float) -> Departure:
        """Copy out what exit k answers to them."""
        scores, predictions = self.exit.score[self.leaves], self.exit.prediction[self.leaves]
        valid = np.isfinite(scores)
        predictions[~valid] = -1
        return Departure(
            exit=self.k,
            rows=self.rows,
            predictions=predictions,
            scores=scores,
            logits=self.exit.logits[self.leaves],
            near_tau=self.near,
            valid=valid,
            flops=flops,
            latency_ms=seconds * 1e3,
        )


@dataclass(slots=True)
class Answers:
    """The answers of the rows of one call. B rows, K classes."""

    predictions: NDArray[np.int64]  # [B]
    exits: NDArray[np.int64]  # [B]
    scores: NDArray[np.float32]  # [B]
    logits: NDArray[np.float32]  # [B, K]
    flops: NDArray[np.int64]  # [B]
    near: NDArray[np.bool_]  # [B]

    @classmethod
    def none_yet(cls, rows: int, classes: int) -> "Answers":
        """Make room for ``rows`` rows, none of which has answered."""
        return cls(
            predictions=np.full(rows, -1, np.int64),
            exits=np.full(rows, -1, np.int64),
            scores=np.full(rows, np.nan, np.float32),
            logits=np.full((rows, classes), np.nan, np.float32),
            flops=np.zeros(rows, np.int64),
            near=np.zeros(rows, np.bool_),
        )

    def write(self, part: Leaving, flops: int) -> None:
        """Let rows answer with the exit at which they leave."""
        rows, exit = part.rows, part.exit
        self.exits[rows] = part.k
        self.flops[rows] = flops
        self.scores[rows] = exit.score[part.leaves]
        self.predictions[rows] = exit.prediction[part.leaves]
        self.logits[rows] = exit.logits[part.leaves]
        self.near[rows] = part.near

    def result(self, began: float) -> Result:
        """Close the call that began at ``began``, in seconds of ``time.perf_counter``; warn of rows without answer."""
        valid = np.isfinite(self.scores)
        if not valid.all():
            self.predictions[~valid] = -1
            warn_non_finite(valid, stacklevel=3)
        return Result(
            predictions=self.predictions,
            exits=self.exits,
            scores=self.scores,
            logits=self.logits,
            flops=self.flops,
            valid=valid,
            near_tau=self.near,
            latency_ms=(perf_counter() - began) * 1e3,
        )


class OneRow:
    """Makes the result of a call with one image: at every exit all but three of its arrays are known beforehand."""

    def __init__(self, flops: list[int]) -> None:
        self._known = [(np.full(1, k), np.full(1, cost)) for k, cost in enumerate(flops)]
        self._flags = np.zeros(1, np.bool_), np.ones(1, np.bool_)

    def result(self, k: int, exit: Exit, score: float, near: bool, began: float) -> Result:
        """Copy the answer of exit ``k`` out of a lane's buffers; the call began at ``began``."""
        exits, flops = self._known[k]
        result = Result(
            predictions=exit.prediction.copy(),
            exits=exits.copy(),
            scores=exit.score.copy(),
            logits=exit.logits.copy(),
            flops=flops.copy(),
            valid=self._flags[math.isfinite(score)].copy(),
            near_tau=self._flags[near].copy(),
            latency_ms=(perf_counter() - began) * 1e3,
        )
        if not math.isfinite(score):
            result.predictions[0] = -1
            warn_non_finite(result.valid, stacklevel=4)
        return result


def unanswered(rows: NDArray[np.int64], classes: int, seconds: float) -> Departure:
    """Return the departure of rows that no exit can answer for."""
    count = len(rows)
    return Departure(
        exit=-1,
        rows=rows,
        predictions=np.full(count, -1, np.int64),
        scores=np.full(count, np.nan, np.float32),
        logits=np.full((count, classes), np.nan, np.float32),
        near_tau=np.zeros(count, np.bool_),
        valid=np.zeros(count, np.bool_),
        flops=0,
        latency_ms=seconds * 1e3,
    )


def warn_non_finite(valid: NDArray[Any], *, stacklevel: int) -> None:
    """Name the rows without an answer, to whoever called the engine."""
    rows = np.flatnonzero(~valid)
    names = ", ".join(map(str, rows[:_NAMED_ROWS])) + (", ..." if len(rows) > _NAMED_ROWS else "")
    text = f"{len(rows)} of {len(valid)} rows have NaN or infinite pixels or scores, prediction -1: {names}"
    warnings.warn(text, NonFiniteWarning, stacklevel=stacklevel + 1)

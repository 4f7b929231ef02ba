"""Answers on their way to the caller: each row's, written when it leaves, at its place in the call."""

import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import finite_rows
from eeinfer.backends.base import Exit, Inputs, Lane
from eeinfer.backends.loop import Loop, Step
from eeinfer.bundle.manifest import Manifest
from eeinfer.errors import NonFiniteWarning
from eeinfer.result import AllExits, Answer, Departure, Result

_NAMED_ROWS = 10
_ROWS_AT_ONCE = 64  # where nobody leaves: bounds the memory of the activations


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

    def write(self, step: Step, flops: int) -> None:
        """Let rows answer with the exit at which they leave."""
        rows, leaves, exit = np.array(step.rows), np.array(step.leaves), step.exit
        self.exits[rows] = step.k
        self.flops[rows] = flops
        self.scores[rows] = exit.score[leaves]
        self.predictions[rows] = exit.prediction[leaves]
        self.logits[rows] = exit.logits[leaves]
        self.near[rows] = step.near

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
    """Answers for a call with one image; of a result all but three arrays are known beforehand for every exit.

    After a network has run, each array costs a microsecond and more, because its code is in no cache any more.
    """

    def __init__(self, flops: list[int], classes: int) -> None:
        # The last one is that of exit -1: the image never entered.
        self._known = [(np.full(1, k), np.full(1, cost)) for k, cost in [*enumerate(flops), (-1, 0)]]
        self._flags = np.zeros(1, np.bool_), np.ones(1, np.bool_)
        self._none = Exit(np.full((1, classes), np.nan, np.float32), np.full(1, np.nan, np.float32), np.full(1, -1))

    def result(self, k: int, exit: Exit, score: float, near: bool, began: float) -> Result:
        """Copy the answer of exit ``k`` out of a lane's buffers; the call began at ``began``."""
        exits, flops = self._known[k]
        exit = self._none if k < 0 else exit
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

    def plain(self, k: int, exit: Exit, score: float, near: bool, began: float) -> tuple[int, int, float]:
        """Return class, exit and score as plain numbers."""
        if math.isfinite(score):
            return exit.prediction.item(), k, score
        warn_non_finite(self._flags[False], stacklevel=4)
        return -1, k, score


def one_by_one(steps: Loop, lane: Lane, inputs: Inputs, flops: Sequence[int], spent: float) -> Iterator[Answer]:
    """Yield every exit's answer to the image, as soon as it is there; ``spent`` seconds had gone before."""
    lane.load(inputs)
    began = perf_counter()
    for k, score in steps.alone(lane):
        exit = lane.exits[k]
        prediction = int(exit.prediction[0]) if math.isfinite(score) else -1
        spent += perf_counter() - began
        yield Answer(
            exit=k,
            prediction=prediction,
            score=score,
            logits=exit.logits[0].copy(),
            latency_ms=spent * 1e3,
            flops=flops[k],
        )
        began = perf_counter()


def departures(
    steps: Loop, manifest: Manifest, inputs: Inputs, taus: tuple[float, ...], deadline: float, began: float
) -> Iterator[Departure]:
    """Yield the rows of prepared inputs as they leave, first those that no exit can answer for."""
    finite = finite_rows(inputs)
    if not finite.all():
        yield unanswered(np.flatnonzero(~finite), len(manifest.classes), perf_counter() - began)
    for step in steps.run(*answerable(inputs, finite), taus, deadline):
        if step.rows:
            yield departure(step, manifest.segments[step.k].cumulative_flops, perf_counter() - began)


def departure(step: Step, flops: int, seconds: float) -> Departure:
    """Copy out what exit k answers to the rows that leave there."""
    leaves, exit = np.array(step.leaves), step.exit
    scores, predictions = exit.score[leaves], exit.prediction[leaves]
    valid = np.isfinite(scores)
    predictions[~valid] = -1
    return Departure(
        exit=step.k,
        rows=np.array(step.rows),
        predictions=predictions,
        scores=scores,
        logits=exit.logits[leaves],
        near_tau=np.array(step.near),
        valid=valid,
        flops=flops,
        latency_ms=seconds * 1e3,
    )


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


def answerable(inputs: Inputs, finite: NDArray[np.bool_]) -> tuple[Inputs, list[int]]:
    """Return the rows that can be answered for, and their places in the call."""
    rows = np.flatnonzero(finite)
    whole = len(rows) == len(finite)
    return inputs if whole else {name: array[rows] for name, array in inputs.items()}, rows.tolist()


def copied(inputs: Inputs) -> Inputs:
    """Return inputs that the caller cannot write into."""
    return {name: array.copy() for name, array in inputs.items()}


def every_exit(steps: Loop, manifest: Manifest, inputs: Inputs, finite: NDArray[np.bool_]) -> AllExits:
    """Run every segment for every row of prepared inputs that is finite; warns of rows without an answer."""
    shape = len(finite), len(manifest.segments)
    answers = AllExits(
        scores=np.full(shape, np.nan, np.float32),
        predictions=np.full(shape, -1, np.int64),
        logits=np.full((*shape, len(manifest.classes)), np.nan, np.float32),
    )
    rows = np.flatnonzero(finite)
    for at in range(0, len(rows), _ROWS_AT_ONCE):
        part = rows[at : at + _ROWS_AT_ONCE]
        for step in steps.run({name: array[part] for name, array in inputs.items()}, part.tolist(), steps.never):
            answers.logits[part, step.k], answers.scores[part, step.k], answers.predictions[part, step.k] = step.exit
    answers.predictions[~np.isfinite(answers.scores)] = -1
    valid = np.isfinite(answers.scores[:, -1])
    if not valid.all():
        warn_non_finite(valid, stacklevel=3)
    return answers


def warn_non_finite(valid: NDArray[Any], *, stacklevel: int) -> None:
    """Name the rows without an answer, to whoever called the engine."""
    rows = np.flatnonzero(~valid)
    names = ", ".join(map(str, rows[:_NAMED_ROWS])) + (", ..." if len(rows) > _NAMED_ROWS else "")
    text = f"{len(rows)} of {len(valid)} rows have NaN or infinite pixels or scores, prediction -1: {names}"
    warnings.warn(text, NonFiniteWarning, stacklevel=stacklevel + 1)

"""Answers while they come in: each row's, written when it leaves, at its place in the call."""

from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.backends.base import Exit
from eeinfer.result import Result


class Answers:
    """Room for the answers of ``rows`` rows, none of which has answered yet."""

    def __init__(self, rows: int, classes: int) -> None:
        self._predictions = np.full(rows, -1, np.int64)
        self._exits = np.full(rows, -1, np.int64)
        self._scores = np.full(rows, np.nan, np.float32)
        self._logits = np.full((rows, classes), np.nan, np.float32)

    def write(self, k: int, rows: NDArray[Any], exit: Exit, leaving: NDArray[Any]) -> None:
        """Let ``leaving``, positions among the rows still in, answer with exit ``k``; ``rows`` are their places."""
        places = rows[leaving]
        self._exits[places] = k
        self._scores[places] = exit.score[leaving]
        self._predictions[places] = exit.prediction[leaving]
        self._logits[places] = exit.logits[leaving]

    def result(self, costs: NDArray[np.int64], began: float) -> Result:
        """Close the call that began at ``began`` (perf_counter seconds); ``costs`` are FLOPs up to each exit."""
        valid = np.isfinite(self._scores)
        self._predictions[~valid] = -1
        return Result(
            predictions=self._predictions,
            exits=self._exits,
            scores=self._scores,
            logits=self._logits,
            flops=np.where(self._exits < 0, 0, costs[self._exits]),
            valid=valid,
            latency_ms=(perf_counter() - began) * 1e3,
        )

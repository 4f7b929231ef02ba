"""Answers while they come in: each row's, written when it leaves, at its place in the call."""

from time import perf_counter
from typing import Any

import numpy as np

from eeinfer.backends.base import Exit
from eeinfer.result import Result


class Answers:
    """Room for the answers of ``rows`` rows, none of which has answered yet."""

    def __init__(self, rows: int, classes: int) -> None:
        self._predictions = np.full(rows, -1, np.int64)
        self._exits = np.full(rows, -1, np.int64)
        self._scores = np.full(rows, np.nan, np.float32)
        self._logits = np.full((rows, classes), np.nan, np.float32)
        self._flops = np.zeros(rows, np.int64)

    def write(self, k: int, flops: int, exit: Exit, rows: Any, leaving: Any) -> None:
        """Let the rows ``leaving`` of those still in answer with exit ``k``; ``rows`` are their places in the call."""
        self._exits[rows] = k
        self._flops[rows] = flops
        self._scores[rows] = exit.score[leaving]
        self._predictions[rows] = exit.prediction[leaving]
        self._logits[rows] = exit.logits[leaving]

    def result(self, began: float) -> Result:
        """Close the call that began at ``began``, in seconds of ``time.perf_counter``."""
        valid = np.isfinite(self._scores)
        if not valid.all():
            self._predictions[~valid] = -1
        return Result(
            predictions=self._predictions,
            exits=self._exits,
            scores=self._scores,
            logits=self._logits,
            flops=self._flops,
            valid=valid,
            latency_ms=(perf_counter() - began) * 1e3,
        )

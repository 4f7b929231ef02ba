"""Answers while they come in: each row's, written when it leaves, at its place in the call."""

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.backends.base import Exit
from eeinfer.result import Result


@dataclass(slots=True)
class Answers:
    """The answers of the rows of one call. B rows, K classes."""

    predictions: NDArray[np.int64]  # [B]
    exits: NDArray[np.int64]  # [B]
    scores: NDArray[np.float32]  # [B]
    logits: NDArray[np.float32]  # [B, K]
    flops: NDArray[np.int64]  # [B]

    @classmethod
    def none_yet(cls, rows: int, classes: int) -> "Answers":
        """Make room for ``rows`` rows, none of which has answered."""
        return cls(
            predictions=np.full(rows, -1, np.int64),
            exits=np.full(rows, -1, np.int64),
            scores=np.full(rows, np.nan, np.float32),
            logits=np.full((rows, classes), np.nan, np.float32),
            flops=np.zeros(rows, np.int64),
        )

    @classmethod
    def of_all(cls, k: int, flops: int, exit: Exit) -> "Answers":
        """Copy the answers of exit ``k`` for every row: the quickest way where no row left before."""
        exits = np.full(len(exit.score), k, np.int64)
        return cls(
            predictions=exit.prediction.copy(),
            exits=exits,
            scores=exit.score.copy(),
            logits=exit.logits.copy(),
            flops=np.full_like(exits, flops),
        )

    def write(self, k: int, flops: int, exit: Exit, rows: Any, leaving: Any) -> None:
        """Let the rows ``leaving`` of those still in answer with exit ``k``; ``rows`` are their places in the call."""
        self.exits[rows] = k
        self.flops[rows] = flops
        self.scores[rows] = exit.score[leaving]
        self.predictions[rows] = exit.prediction[leaving]
        self.logits[rows] = exit.logits[leaving]

    def result(self, began: float) -> Result:
        """Close the call that began at ``began``, in seconds of ``time.perf_counter``."""
        valid = np.isfinite(self.scores)
        if not valid.all():
            self.predictions[~valid] = -1
        return Result(
            predictions=self.predictions,
            exits=self.exits,
            scores=self.scores,
            logits=self.logits,
            flops=self.flops,
            valid=valid,
            latency_ms=(perf_counter() - began) * 1e3,
        )

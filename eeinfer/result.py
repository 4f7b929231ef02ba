"""What a call returns. B rows, E exits, K classes."""

import msgspec
import numpy as np
from numpy.typing import NDArray

_SHOWN_ROWS = 5


class Result(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The answers of one call, in the order of its images.

    A row with NaN or infinite pixels never enters the network: its exit is -1, its FLOPs are 0, its score and
    logits NaN. A row whose final score is not finite keeps where it got to. Both have prediction -1, valid False.
    """

    predictions: NDArray[np.int64]  # [B] index of the class, -1 where there is no answer
    exits: NDArray[np.int64]  # [B] which exit answered
    scores: NDArray[np.float32]  # [B] what that exit was judged by
    logits: NDArray[np.float32]  # [B, K] of that exit
    latency_ms: float  # of the whole call: preparation, cascade and bookkeeping
    flops: NDArray[np.int64]  # [B] analytic cost of leaving there, one multiply-add = 1
    valid: NDArray[np.bool_]  # [B] whether the row has an answer
    near_tau: NDArray[np.bool_]  # [B] whether a decision was within SCORE_EPSILON: another batch size may change it

    def __len__(self) -> int:
        return len(self.predictions)

    def __repr__(self) -> str:
        rows = [
            f"{prediction} at exit {exit} ({score:.3f})"
            for prediction, exit, score in zip(self.predictions, self.exits, self.scores, strict=True)
        ]
        more = f", ... {len(rows) - _SHOWN_ROWS} more" if len(rows) > _SHOWN_ROWS else ""
        return f"Result([{', '.join(rows[:_SHOWN_ROWS])}{more}], {self.latency_ms:.2f} ms)"


class Departure(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The n rows of a batch that left at one exit, from ``Engine.stream``. Fields are as in ``Result``."""

    exit: int  # -1 for rows with NaN or infinite pixels, which come first
    rows: NDArray[np.int64]  # [n] their places in the call
    predictions: NDArray[np.int64]  # [n]
    scores: NDArray[np.float32]  # [n]
    logits: NDArray[np.float32]  # [n, K]
    near_tau: NDArray[np.bool_]  # [n]
    valid: NDArray[np.bool_]  # [n]
    flops: int  # analytic cost of leaving there, one multiply-add = 1
    latency_ms: float  # the engine's own time since the call began, without what the caller did in between

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"Departure({len(self)} rows at exit {self.exit}, {self.latency_ms:.2f} ms)"


class Answer(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """One exit's answer to one image, from ``Engine.anytime``."""

    exit: int
    prediction: int  # index of the class, -1 where the score is not finite
    score: float
    logits: NDArray[np.float32]  # [K]
    latency_ms: float  # the engine's own time since the call began, without what the caller did in between
    flops: int  # analytic cost up to and including this exit, one multiply-add = 1

    def __repr__(self) -> str:
        return f"Answer({self.prediction} at exit {self.exit} ({self.score:.3f}), {self.latency_ms:.2f} ms)"


class AllExits(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Every exit's answer to every image, as if nobody had left: what sweeps and parity checks work on.

    Where a score is not finite, the prediction is -1; a row with NaN or infinite pixels is so at every exit.
    """

    scores: NDArray[np.float32]  # [B, E]
    predictions: NDArray[np.int64]  # [B, E]
    logits: NDArray[np.float32]  # [B, E, K]

    def __len__(self) -> int:
        return len(self.scores)

    def __repr__(self) -> str:
        return f"AllExits({self.scores.shape[0]} rows, {self.scores.shape[1]} exits, {self.logits.shape[2]} classes)"

"""What a request gets back. B rows, K classes."""

import msgspec
import numpy as np
from numpy.typing import NDArray


class Served(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The answers to one request, in the order of its rows; a row that no exit can answer for is as in ``Result``."""

    predictions: NDArray[np.int64]  # [B] index of the class, -1 where there is no answer
    exits: NDArray[np.int64]  # [B] which exit answered
    scores: NDArray[np.float32]  # [B]
    logits: NDArray[np.float32]  # [B, K]
    near_tau: NDArray[np.bool_]  # [B]
    late: NDArray[np.bool_]  # [B] whether the deadline ended the row: the last exit that was finished answered
    degraded: bool  # whether the thresholds were lowered under overload
    taus: tuple[float, ...]  # the limits that decided, infinity where nobody leaves
    queue_ms: float  # until the first row began segment 0
    latency_ms: float  # until the last row had its answer

    def __len__(self) -> int:
        return len(self.predictions)

"""Counting beside the calls, without waiting for anybody: a call adds to a log, and every so many calls are counted.

Appending to a deque and taking from it are single steps that threads cannot divide, so there is no lock, which a
process that forks at the wrong moment would inherit closed. E exits.
"""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eeinfer.watching.record import SCORE_BINS, TIME_BINS, TIME_EDGES_MS, ExitWatch, Watch

MOST_CALLS = 1024  # that wait in the log

Array = NDArray[Any]


# Exit, score, milliseconds, and whether the call ran at the engine's thresholds, without a deadline. Of several rows
# exits and scores are bytes, which nobody writes into afterwards. A row without an answer has the exit -1.
Call: TypeAlias = tuple[int | bytes, float | bytes, float, bool]


@dataclass(frozen=True, kw_only=True)
class Counts:
    """What was counted."""

    scores: Array  # [E, SCORE_BINS] rows by the score that they left with
    times: Array  # [E, TIME_BINS] calls of one image
    total_ms: Array  # [E] of these calls
    max_ms: Array  # [E]
    other_rows: int = 0
    unanswered: int = 0

    @classmethod
    def none_yet(cls, exits: int) -> "Counts":
        """Count nothing."""
        return cls(
            scores=_none((exits, SCORE_BINS)),
            times=_none((exits, TIME_BINS)),
            total_ms=np.zeros(exits),
            max_ms=np.zeros(exits),
        )

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            scores=self.scores + other.scores,
            times=self.times + other.times,
            total_ms=self.total_ms + other.total_ms,
            max_ms=np.maximum(self.max_ms, other.max_ms),
            other_rows=self.other_rows + other.other_rows,
            unanswered=self.unanswered + other.unanswered,
        )

    def per_exit(self) -> tuple[ExitWatch, ...]:
        """Return them as they are shown."""
        calls = self.times.sum(axis=1)
        return tuple(
            ExitWatch(
                rows=int(self.scores[k].sum()),
                scores=tuple(self.scores[k].tolist()),
                calls=int(calls[k]),
                mean_ms=float(self.total_ms[k] / max(1, calls[k])),
                max_ms=float(self.max_ms[k]),
                times=tuple(self.times[k].tolist()),
            )
            for k in range(len(self.scores))
        )


class Tally:
    """Counts for one engine. Any number of threads may log, count and take at once; a call is counted once."""

    def __init__(self, exits: int) -> None:
        self.log: deque[Call] = deque()
        self._exits, self._since = exits, _now()
        self._counted: deque[Counts] = deque()

    def count(self) -> None:
        """Count what is in the log."""
        calls, counts = _emptied(self.log), Counts.none_yet(self._exits)
        if ones := [call for call in calls if type(call[0]) is int]:
            exits, scores, ms, own = map(np.array, zip(*ones, strict=True))  # a column at a time is quicker
            counts = self._counts(exits, scores, own, ms)
        for call_exits, call_scores, _, call_own in (call for call in calls if type(call[0]) is bytes):
            rows = np.frombuffer(call_exits, np.int64)
            counts += self._counts(rows, np.frombuffer(call_scores, np.float32), np.full(len(rows), call_own), None)
        for before in _emptied(self._counted):
            counts += before
        self._counted.append(counts)

    def add(self, exits: Array, scores: Array, *, own: bool) -> None:
        """Log rows [n], int64 and float32, of one call."""
        self.log.append((exits.tobytes(), scores.tobytes(), 0.0, own))
        if len(self.log) >= MOST_CALLS:
            self.count()

    def watch(self, bundle: str, files_sha256: str, taus: tuple[float, ...]) -> Watch:
        """Return what was counted since this was last called."""
        self.count()
        since, self._since = self._since, _now()
        counts = sum(_emptied(self._counted), Counts.none_yet(self._exits))
        return Watch(
            bundle=bundle,
            files_sha256=files_sha256,
            taus=taus,
            since=since,
            until=self._since,
            exits=counts.per_exit(),
            other_rows=counts.other_rows,
            unanswered=counts.unanswered,
        )

    def _counts(self, exits: Array, scores: Array, own: Array, ms: Array | None) -> Counts:
        """Count rows [n]; ``ms`` are those of the calls where each row was one."""
        answered = np.isfinite(scores) & (exits >= 0)
        rows, size = answered & own, self._exits
        total_ms: Array = np.zeros(size)
        k, times, max_ms = exits[rows], _none((size, TIME_BINS)), np.zeros(size)
        if ms is not None:
            took = ms[rows]
            times = _table(k, np.searchsorted(TIME_EDGES_MS, took), times.shape)
            total_ms = np.bincount(k, took, size)
            np.maximum.at(max_ms, k, took)
        bins = np.clip((scores[rows] * SCORE_BINS).astype(np.int64), 0, SCORE_BINS - 1)
        return Counts(
            scores=_table(k, bins, (size, SCORE_BINS)),
            times=times,
            total_ms=total_ms,
            max_ms=max_ms,
            other_rows=int((answered & ~own).sum()),
            unanswered=int((~answered).sum()),
        )


def _table(rows: Array, columns: Array, shape: tuple[int, ...]) -> Array:
    return np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1]).reshape(shape)


def _emptied(items: "deque[Any]") -> list[Any]:
    """Take all that is there; what others take meanwhile, they have."""
    taken = []
    try:
        while True:
            taken.append(items.popleft())
    except IndexError:
        return taken


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _none(shape: tuple[int, ...]) -> Array:
    return np.zeros(shape, np.int64)

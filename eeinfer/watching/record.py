"""What an engine saw, as a record and as a file. E exits."""

import math
import os
import re
from pathlib import Path

import msgspec
import numpy as np

from eeinfer.errors import InputError
from eeinfer.files import read_small, replace_file

FORMAT_VERSION = 1
SCORE_BINS = 20  # equal parts of [0, 1], each closed below, the last one above too
TIME_EDGES_MS = 2.0 ** (np.arange(-28, 57) / 4)  # four buckets a doubling from 8 microseconds to 14 seconds
TIME_BINS = len(TIME_EDGES_MS) + 1

_MOST_BYTES = 1 << 22
_SHA256 = re.compile(r"[0-9a-f]{64}")


class ExitWatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One exit."""

    rows: int  # that left there at the engine's own thresholds
    scores: tuple[int, ...]  # [SCORE_BINS] of these rows, by the score that they left with
    calls: int  # with a single image, of these rows: those are timed
    mean_ms: float  # of these calls; 0 where there are none
    max_ms: float
    times: tuple[int, ...]  # [TIME_BINS] of these calls, between the TIME_EDGES_MS

    def percentile_ms(self, percentile: float) -> float:
        """Return the upper edge of the bucket that this percentile of the calls lies in; NaN without calls.

        It is at most a fifth too high.
        """
        if not self.calls:
            return math.nan
        place = int(np.searchsorted(np.cumsum(self.times), max(1.0, percentile / 100 * self.calls)))
        return min(self.max_ms, float(TIME_EDGES_MS[place])) if place < len(TIME_EDGES_MS) else self.max_ms


class Watch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What left an engine where, between two times that it was asked. See ``Engine.watch``."""

    format_version: int = FORMAT_VERSION
    bundle: str  # its name
    files_sha256: str  # as in the certificate
    taus: tuple[float, ...]  # [E] the engine's thresholds
    since: str  # ISO 8601, UTC
    until: str
    exits: tuple[ExitWatch, ...]  # [E]
    other_rows: int  # of calls with thresholds or a deadline of their own: they are counted here alone
    unanswered: int  # rows with NaN or infinite pixels or scores

    @property
    def rows(self) -> tuple[int, ...]:
        """How many rows left at each exit, [E]."""
        return tuple(exit.rows for exit in self.exits)

    @property
    def shares(self) -> tuple[float, ...]:
        """Which share of the rows left at each exit, [E]; NaN where there were none."""
        total = sum(self.rows)
        return tuple(rows / total if total else math.nan for rows in self.rows)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write this as JSON, in one step: a reader finds the old file or the new one.

        Raises:
            OSError: the file cannot be written.
        """
        replace_file(Path(path), msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Watch":
        """Read what `save` wrote.

        Raises:
            InputError: there is no such file, it is not such JSON, or its numbers contradict one another.
        """
        again = "write it again with engine.watch().save(...)"
        try:
            found = msgspec.json.decode(read_small(Path(path), _MOST_BYTES), type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{path} is not what engine.watch() saves: {error}; {again}") from error
        except (OSError, ValueError, RecursionError) as error:  # ValueError: a null character
            raise InputError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}; {again}") from error
        if (problem := _problem(found)) is not None:
            raise InputError(f"{path} is not what engine.watch() saves: {problem}; {again}")
        return found


def _problem(watch: Watch) -> str | None:
    """Return what no engine says; None: nothing."""
    if watch.format_version != FORMAT_VERSION:
        return f"it has format {watch.format_version}, and {FORMAT_VERSION} is what is read here"
    if len(watch.exits) != len(watch.taus) or not watch.exits:
        return f"it has {len(watch.taus)} taus and {len(watch.exits)} exits"
    if not all(0 <= tau <= 1 for tau in watch.taus):
        return "it has a tau outside [0, 1]"
    if not _SHA256.fullmatch(watch.files_sha256):
        return "it has no SHA-256 of the bundle's files"
    if min(watch.other_rows, watch.unanswered) < 0:
        return "it counts less than no rows"
    problems = (_exit_problem(exit) for exit in watch.exits)
    return next((f"exit {k} {problem}" for k, problem in enumerate(problems) if problem), None)


def _exit_problem(exit: ExitWatch) -> str | None:
    if len(exit.scores) != SCORE_BINS or len(exit.times) != TIME_BINS:
        return f"has {len(exit.scores)} bins of scores and {len(exit.times)} of times"
    if min(exit.scores) < 0 or min(exit.times) < 0:
        return "counts less than no rows"
    if sum(exit.scores) != exit.rows or sum(exit.times) != exit.calls or exit.calls > exit.rows:
        return "has other rows in its bins than it counts"
    if not 0 <= exit.mean_ms <= exit.max_ms * (1 + 1e-9):
        return f"took {exit.mean_ms:g} ms on average and {exit.max_ms:g} ms at most"
    return None

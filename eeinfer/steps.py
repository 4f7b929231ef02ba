"""The loop of every cascade: run a segment, compare its scores with tau, stop or go on.

Rows start, take a step from segment to segment, join others that stand before the same one, and leave. A call, a
stream, an anytime answer and a server run on nothing else.
"""

import math
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from eeinfer.backends.base import Backend, Inputs, Lane, Live
from eeinfer.backends.loop import Loop, LoopBackend, all_the_way
from eeinfer.backends.loop import Step as Step
from eeinfer.backends.row_costs import compacted
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import BundleError, EeinferError, first_line
from eeinfer.rule import answer_fault, any_near, leaves, near, passes

GONE = -1  # the number of a row that left and is computed along, because taking it out would cost more


@dataclass(slots=True, eq=False, kw_only=True)
class Batch:
    """Rows that stand before segment ``k``: what belongs to one of them has its place in every list."""

    live: Live
    rows: list[int]  # the caller's numbers, 0 or more; GONE for who has left
    taus: list[tuple[float, ...]]  # thresholds, as `as_limits` gives them
    deadlines: list[float]  # in seconds of ``time.perf_counter``
    near: list[bool]  # whether one of the row's decisions was near its threshold
    k: int = 0

    def __len__(self) -> int:
        return len(self.rows) - self.rows.count(GONE)

    def reorder(self, order: Sequence[int]) -> None:
        """Let position i hold the row order[i]."""
        self.rows, self.taus = [self.rows[i] for i in order], [self.taus[i] for i in order]
        self.deadlines, self.near = [self.deadlines[i] for i in order], [self.near[i] for i in order]


class Steps:
    """The loop over the segments of one opened bundle. Many threads may use it, each batch and lane one at a time."""

    def __init__(self, bundle: Bundle, backend: Backend) -> None:
        self._bundle, self.backend = bundle, backend
        self._last, self._classes = len(bundle.manifest.segments) - 1, len(bundle.manifest.classes)
        self.never = (math.inf,) * len(bundle.manifest.segments)  # thresholds that no score passes

    def run(
        self, inputs: Inputs, rows: list[int], taus: tuple[float, ...], deadline: float = math.inf
    ) -> Iterator[Step]:
        """Take a batch all the way, step by step; ask for no further step and nothing more is computed."""
        return all_the_way(self, inputs, rows, taus, deadline)

    def start(self, inputs: Inputs, rows: list[int], taus: tuple[float, ...], deadline: float = math.inf) -> Batch:
        """Let rows stand before the first segment.

        Args:
            inputs: prepared tensors [B, *shape], read in place until the batch ends.
            rows: [B] the caller's numbers of them, 0 or more.
            taus: the threshold of every exit.
            deadline: after which no row begins another segment, in seconds of ``time.perf_counter``.
        """
        live, count = self.backend.start(inputs), len(rows)
        return Batch(live=live, rows=[*rows], taus=[taus] * count, deadlines=[deadline] * count, near=[False] * count)

    def step(self, batch: Batch) -> Step:
        """Run the segment that the batch stands before. Whoever does not leave there stands before the next one.

        Raises:
            BundleError: the segment fails, or answers with what no score or class can be.
        """
        k, last = batch.k, batch.k == self._last
        try:
            exit = self.backend.run(k, batch.live)
        except EeinferError:
            raise
        except Exception as error:  # whatever the backend raises, the segment is at fault
            rows = len(batch.rows)
            raise self.fault(k, f"does not run with {rows} rows: {first_line(error)}", "give fewer, or ") from error
        now, out = perf_counter(), []
        scores, predictions = exit.score.tolist(), exit.prediction.tolist()  # plain numbers: quicker for so few
        for i, row in enumerate(batch.rows):
            if row != GONE:
                score, tau = scores[i], batch.taus[i][k]
                if not (0 <= score <= 1 and 0 <= predictions[i] < self._classes):
                    self._check(k, score, predictions[i])
                batch.near[i] |= not last and near(score, tau)
                if last or leaves(score, tau) or now >= batch.deadlines[i]:
                    out.append(i)
        step = Step(k, exit, out, [batch.rows[i] for i in out], [batch.near[i] for i in out])
        for i in out:
            batch.rows[i] = GONE
        batch.k += 1
        return step

    def leave(self, batch: Batch) -> None:
        """Take out who has left, where that is done sooner than computing them along."""
        rows, stays = batch.rows, len(batch)
        if 0 < stays < len(rows) and self.backend.worth_compacting(batch.k, len(rows), stays):
            order = compacted(rows, stays)
            batch.live = self.backend.compact(batch.live, np.array(order))
            batch.reorder(order)

    def drop(self, batch: Batch, rows: Container[int]) -> None:
        """Let rows of these numbers leave without a further answer; `leave` and `join` take them out."""
        batch.rows = [GONE if row in rows else row for row in batch.rows]

    def join(self, one: Batch, other: Batch) -> Batch:
        """Merge two batches that stand before the same segment and have not ended; neither may be used again."""
        assert one.k == other.k
        rows = one.rows + other.rows
        order = compacted(rows, len(one) + len(other))
        batch = Batch(
            live=self.backend.join(one.live, other.live, np.array(order)),
            rows=rows,
            taus=one.taus + other.taus,
            deadlines=one.deadlines + other.deadlines,
            near=one.near + other.near,
            k=one.k,
        )
        batch.reorder(order)
        return batch

    def end(self, batch: Batch) -> None:
        """Give back what the batch holds, wherever it stands."""
        self.backend.release(batch.live)

    def one(
        self, lane: Lane, inputs: Inputs, taus: tuple[float, ...], deadline: float = math.inf
    ) -> tuple[int, float, bool]:
        """Take a row in a lane to where it leaves: returns exit, score, and whether a decision was near its tau.

        A row with NaN or infinite numbers never enters: its exit is -1, its score NaN. After a network has run, each
        further function costs a microsecond, because its code is in no cache any more: so there are few.

        Raises:
            BundleError: a segment fails, or answers with what no score or class can be.
        """
        if not lane.load(inputs):
            return -1, math.nan, False
        if lane.run_on_device is not None and deadline == math.inf:  # the device runs this very loop by itself
            return self._on_device(lane, lane.run_on_device, taus)
        k, run, last, timed, scores = 0, lane.run, self._last, deadline != math.inf, []
        try:
            for k, tau in enumerate(taus):
                scores.append(score := run(k))
                if k == last or passes(score, tau) or (timed and perf_counter() >= deadline):
                    break
        except EeinferError:
            raise
        except Exception as error:
            raise self.fault(k, f"does not run: {first_line(error)}") from error
        prediction = lane.exits[k].prediction.item()
        if not (0 <= score <= 1 and 0 <= prediction < self._classes):
            self._check(k, score, prediction)
        return k, score, any_near(scores, taus[:last])

    def _on_device(
        self, lane: Lane, run: Callable[[Sequence[float]], int], taus: tuple[float, ...]
    ) -> tuple[int, float, bool]:
        k = run(taus)
        scores = [exit.score.item() for exit in lane.exits[: k + 1]]
        self._check(k, scores[k], lane.exits[k].prediction.item())
        return k, scores[k], any_near(scores, taus[: self._last])

    def alone(self, lane: Lane) -> Iterator[tuple[int, float]]:
        """Take the row in a lane past every exit, whatever its score: yields each exit and its score."""
        for k in range(self._last + 1):
            try:
                score = lane.run(k)
            except EeinferError:
                raise
            except Exception as error:
                raise self.fault(k, f"does not run: {first_line(error)}") from error
            self._check(k, score, lane.exits[k].prediction.item())
            yield k, score

    def fault(self, k: int, what: str, ask: str = "") -> BundleError:
        """Return the error that names segment k."""
        file = self._bundle.file(self._bundle.manifest.segments[k].file)
        return BundleError(f"{file} {what}; {ask}export the bundle again")

    def _check(self, k: int, score: float, prediction: int) -> None:
        if (fault := answer_fault(score, prediction, self._classes)) is not None:
            raise self.fault(k, fault)


def loop_over(bundle: Bundle, backend: Backend | LoopBackend) -> Loop:
    """Return the loop that the backend brings along, or else this one."""
    return Steps(bundle, backend) if backend.loop is None else backend.loop

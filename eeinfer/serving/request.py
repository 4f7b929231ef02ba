"""What a caller hands in, row by row, and what it gets back. B rows, E exits, K classes."""

import math
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eeinfer.bundle.manifest import Manifest
from eeinfer.errors import InputError
from eeinfer.preprocess import Given, prepare_inputs
from eeinfer.rule import Taus, as_deadline, as_limits
from eeinfer.serving.config import PRIORITIES, USUAL_PRIORITY
from eeinfer.serving.served import Served
from eeinfer.steps import Step


class Held(NamedTuple):
    """What an exit answers to one row, copied out."""

    k: int
    score: float
    prediction: int
    logits: NDArray[Any]  # [K]
    near: bool

    @classmethod
    def of(cls, step: Step, i: int, near: bool) -> "Held":
        """Copy what a step says at position i."""
        exit = step.exit
        return cls(step.k, float(exit.score[i]), int(exit.prediction[i]), exit.logits[i].copy(), near)


@dataclass(slots=True, eq=False, kw_only=True)
class Request:
    """Rows of one caller that came together."""

    inputs: Mapping[str, NDArray[Any]]  # [B, *shape] prepared
    count: int
    taus: tuple[float, ...]  # limits, as `as_limits` gives them
    own_taus: bool = False  # whether the caller named them: they are not lowered
    deadline: float = math.inf  # on the scheduler's clock, in seconds
    priority: int = 2
    client: str = ""
    arrived: float = 0.0
    began: float = math.nan  # when the first row began segment 0
    degraded: bool = False
    unanswered: int = 0
    ticket: "Future[Served]" = field(default_factory=Future)
    shapes: tuple[tuple[int, ...], ...] = ()  # of a row: only rows of the same shapes are joined
    predictions: NDArray[np.int64] = field(init=False)
    exits: NDArray[np.int64] = field(init=False)
    scores: NDArray[np.float32] = field(init=False)
    logits: NDArray[np.float32] = field(init=False)
    near: NDArray[np.bool_] = field(init=False)
    late: NDArray[np.bool_] = field(init=False)

    def make_room(self, classes: int) -> None:
        """Make room for the answers, none of which is there."""
        count = self.count
        self.predictions, self.exits = np.full(count, -1, np.int64), np.full(count, -1, np.int64)
        self.scores, self.logits = np.full(count, np.nan, np.float32), np.full((count, classes), np.nan, np.float32)
        self.near, self.late = np.zeros(count, np.bool_), np.zeros(count, np.bool_)
        self.shapes = tuple(array.shape[1:] for array in self.inputs.values())

    @property
    def rank(self) -> tuple[int, float]:
        """What is smaller goes first."""
        return self.priority, self.arrived

    def begin_answer(self) -> bool:
        """Claim the right to answer; False where the caller has given up or an answer is there."""
        return not self.ticket.done() and self.ticket.set_running_or_notify_cancel()

    def served(self, now: float) -> Served:
        """Close it: every row has its answer."""
        began = self.arrived if math.isnan(self.began) else self.began
        return Served(
            predictions=self.predictions,
            exits=self.exits,
            scores=self.scores,
            logits=self.logits,
            near_tau=self.near,
            late=self.late,
            degraded=self.degraded,
            taus=self.taus,
            queue_ms=(began - self.arrived) * 1e3,
            latency_ms=(now - self.arrived) * 1e3,
        )


def prepared_request(
    images: Given,
    manifest: Manifest,
    own: tuple[float, ...],
    *,
    tau: Taus | None = None,
    deadline_ms: float | None = None,
    priority: int = 0,
    client: str = "",
) -> Request:
    """Check and prepare what a caller hands in, as `Scheduler.submit` describes it.

    Args:
        images: what an engine takes.
        manifest: says what that is.
        own: limits of a request that names none.
        tau: as the rest, of the request.
        deadline_ms: from now.
        priority: 1 to 3, or 0.
        client: who asks.

    Raises:
        InputError: images, tau, deadline or priority are not what is taken.
    """
    if priority not in (0, *PRIORITIES):
        raise InputError(f"priority is {priority!r}; give 1 (first) to 3 (last), or 0 for the usual one")
    inputs = prepare_inputs(images, manifest)
    return Request(
        inputs=inputs,
        count=len(next(iter(inputs.values()))),
        taus=own if tau is None else as_limits(tau, len(own)),
        own_taus=tau is not None,
        deadline=as_deadline(deadline_ms, time.monotonic()),
        priority=priority or USUAL_PRIORITY,
        client=client,
    )


@dataclass(slots=True, eq=False)
class Row:
    """One row on its way."""

    request: Request
    index: int  # its place in the request
    held: Held | None = None  # the last finished exit's answer, kept where there is a deadline

    @property
    def over(self) -> bool:
        """Whether nobody waits for it any more: cancelled, or the request has failed."""
        return self.request.ticket.done()

    def is_late(self, ends: float) -> bool:
        """Whether a segment that ends then comes after the deadline, and there is an answer already."""
        return self.held is not None and self.request.deadline < ends

    @property
    def rank(self) -> tuple[int, float]:
        """What is smaller goes first."""
        return self.request.rank

    def answer(self, held: Held, *, late: bool) -> None:
        """Write what an exit says; a score that is not finite is no answer."""
        request, i = self.request, self.index
        request.exits[i], request.scores[i], request.logits[i] = held.k, held.score, held.logits
        request.predictions[i] = held.prediction if math.isfinite(held.score) else -1
        request.near[i], request.late[i] = held.near, late
        request.unanswered -= 1


def gathered(rows: list[Row]) -> dict[str, NDArray[Any]]:
    """Return the inputs of rows [B, *shape]; in place where they are one request's, in its order."""
    first = rows[0]
    places = range(first.index, first.index + len(rows))
    if all(row.request is first.request and row.index == i for row, i in zip(rows, places, strict=True)):
        return {name: array[places.start : places.stop] for name, array in first.request.inputs.items()}
    names = first.request.inputs
    return {name: np.stack([row.request.inputs[name][row.index] for row in rows]) for name in names}

"""What an engine asks of the loop: ``eeinfer.steps`` is it, in Python; the backend ``native`` brings it compiled."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

from eeinfer.backends.base import Exit, Inputs, Lane, Opened


class Step(NamedTuple):
    """What segment k decided: n rows leave."""

    k: int
    exit: Exit  # of every row that was run, valid until the batch's next step
    leaves: list[int]  # [n] which of them leave
    rows: list[int]  # [n] their numbers
    near: list[bool]  # [n]


class Loop(Protocol):
    """Takes rows from segment to segment, as ``eeinfer.steps.Steps`` says method by method.

    A batch stands before segment ``batch.k``, and ``len(batch)`` of its rows are still in.
    """

    never: tuple[float, ...]  # thresholds that no score passes

    @property
    def backend(self) -> Opened:
        """What runs the segments."""

    def run(
        self, inputs: Inputs, rows: list[int], taus: tuple[float, ...], deadline: float = math.inf
    ) -> Iterator[Step]:
        """Take a batch all the way, step by step."""

    def start(self, inputs: Inputs, rows: list[int], taus: tuple[float, ...], deadline: float = math.inf) -> Any:
        """Let rows stand before the first segment."""

    def step(self, batch: Any) -> Step:
        """Run the segment that the batch stands before."""

    def leave(self, batch: Any) -> None:
        """Take out who has left, where that pays."""

    def join(self, one: Any, other: Any) -> Any:
        """Merge two batches that stand before the same segment."""

    def end(self, batch: Any) -> None:
        """Give back what the batch holds."""

    def one(
        self, lane: Any, inputs: Inputs, taus: tuple[float, ...], deadline: float = math.inf
    ) -> tuple[int, float, bool]:
        """Take a row in a lane to where it leaves: exit, score, whether a decision was near its tau; -1: not finite."""

    def alone(self, lane: Lane) -> Iterator[tuple[int, float]]:
        """Take the row in a lane past every exit: yields each exit and its score."""


def all_the_way(
    loop: Loop, inputs: Inputs, rows: list[int], taus: tuple[float, ...], deadline: float = math.inf
) -> Iterator[Step]:
    """Take a batch all the way, step by step; ask for no further step and nothing more is computed."""
    if not rows:
        return
    batch = loop.start(inputs, rows, taus, deadline)
    try:
        while len(batch):
            yield loop.step(batch)
            loop.leave(batch)
    finally:
        loop.end(batch)


class LoopBackend(Opened, Protocol):
    """A backend that brings the loop along."""

    @property
    def loop(self) -> Loop:
        """The loop over its segments."""

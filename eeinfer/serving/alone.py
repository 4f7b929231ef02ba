"""A row that has the machine to itself: past all queues, in buffers that are bound beforehand. K classes."""

import math
from collections.abc import Callable

import numpy as np

from eeinfer.backends.base import Exit, Inputs, Lane
from eeinfer.backends.row_costs import RowCosts
from eeinfer.rule import any_near, passes
from eeinfer.serving.observer import Observer
from eeinfer.serving.served import Served
from eeinfer.steps import Steps

_QUICK_MS = 2.0  # whoever answers in a thread that has other things to do keeps them waiting for so long at most

Later = Callable[[Callable[[], None]], object]  # is handed what can be done once the answer is on its way


class Alone:
    """Takes one row at a time from segment to segment, in the thread that asks."""

    def __init__(self, steps: Steps, costs: RowCosts, observer: Observer, clock: Callable[[], float]) -> None:
        """Take what runs, what it costs, who hears of it, and what counts seconds."""
        self._steps, self._observer, self._clock = steps, observer, clock
        self._seconds = [costs.ms(k, 1) / 1e3 for k in range(len(costs.segment_ms))]
        self._lane: Lane | None = None
        self.quick = steps.backend.device == "cpu" and sum(self._seconds) * 1e3 <= _QUICK_MS

    def answer(self, inputs: Inputs, taus: tuple[float, ...], deadline: float, later: Later) -> Served | None:
        """Return what a row answers that begins now, None where no exit comes in time; ``inputs`` are copied.

        Raises:
            EeinferError: a segment fails.
        """
        began, ends, late, scores, k = self._clock(), [], False, [], -1
        if began + self._seconds[0] > deadline:
            return None
        lane, self._lane = self._lane or self._steps.backend.new_lane(), None
        for k, score in self._steps.alone(lane) if lane.load(inputs) else ():
            ends.append(self._clock())
            scores.append(score)
            if k + 1 == len(taus) or passes(score, taus[k]):
                break
            if late := deadline < ends[-1] + self._seconds[k + 1]:
                break
        near, ms = any_near(scores, taus[:-1]), (self._clock() - began) * 1e3
        served = _served(lane.exits[k], k, near, late, taus, ms)
        self._lane = lane  # one that failed is left to the garbage collector
        later(lambda: self._tell(began, ends, served))
        return served

    def _tell(self, began: float, ends: list[float], served: Served) -> None:
        for k, end in enumerate(ends):
            self._observer.stepped(k, 1, end - began)
            began = end
        self._observer.answered(served)


def _served(exit: Exit, k: int, near: bool, late: bool, taus: tuple[float, ...], ms: float) -> Served:
    """Copy the answer of exit k out of a lane; -1: the row never entered."""
    entered = k >= 0
    scores = exit.score.copy() if entered else np.full(1, np.nan, np.float32)
    return Served(
        predictions=exit.prediction.copy() if math.isfinite(scores.item()) else np.full(1, -1, np.int64),
        exits=np.array((k,), np.int64),
        scores=scores,
        logits=exit.logits.copy() if entered else np.full_like(exit.logits, np.nan),
        near_tau=np.array((near,), np.bool_),
        late=np.array((late,), np.bool_),
        degraded=False,
        taus=taus,
        queue_ms=0.0,
        latency_ms=ms,
    )

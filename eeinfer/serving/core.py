"""One turn after another: take the queue that is worth most, run its segment, hand out answers. No thread of its own.

Callers of other threads put requests in; whoever holds the turns is alone with everything behind the entrance.
"""

import itertools
import math
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from threading import Condition, Lock

from eeinfer.backends.base import Inputs
from eeinfer.backends.row_costs import RowCosts
from eeinfer.bundle.manifest import Manifest
from eeinfer.errors import BundleError, EeinferError, OverloadError, first_line
from eeinfer.serving.alone import Alone, Later
from eeinfer.serving.choice import chosen
from eeinfer.serving.config import ServingConfig
from eeinfer.serving.costs import full_sizes
from eeinfer.serving.observer import Observer
from eeinfer.serving.pressure import Pressure
from eeinfer.serving.queues import Queues
from eeinfer.serving.request import Held, Request, Row, gathered
from eeinfer.serving.served import Served
from eeinfer.serving.waiting import Part
from eeinfer.steps import Step, Steps

_FORGETS = 0.1  # of what is known about the machine's time per row, with every turn that answers rows


class Core:
    """Serves one cascade, a turn at a time."""

    def __init__(
        self,
        steps: Steps,
        manifest: Manifest,
        costs: RowCosts,
        config: ServingConfig,
        *,
        observer: Observer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with empty queues; ``clock`` counts seconds and never goes back."""
        self.changed = Condition()  # guards the entrance and `closing`; told of what comes in
        self.closing = False
        self.turns = Lock()  # held by whoever runs segments
        most = config.max_batch
        self.full = full_sizes(costs, most) if config.by_cost else (most,) * len(costs.segment_ms)
        self.queues = Queues(costs, self.full)
        self._steps, self._costs, self._config, self._clock = steps, costs, config, clock
        self._classes, self._observer = len(manifest.classes), observer or Observer()
        self._numbers, self._pressure = itertools.count(), Pressure(config)
        self._alone = Alone(steps, costs, self._observer, clock)
        whole = sum(costs.ms(k, 1) for k in range(len(self.full)))
        self._max_wait_ms = whole if config.max_wait_ms is None else config.max_wait_ms
        self._row_s = sum(costs.ms(k, n) / n for k, n in enumerate(self.full)) / 1e3  # of the machine, per row
        self._open = dict["Future[Served]", Request]()  # taken in, and not answered yet
        self._given_up = False  # whether rows may wait that nobody waits for
        self._spent_s = 0.0  # since a row was last answered

    def put(self, request: Request, rows: Iterable[int]) -> None:
        """Let rows of a request wait in front of segment 0; the others of it have no answer.

        Raises:
            OverloadError: the queue is full, no exit would be reached before the deadline, or this is closing.
        """
        request.make_room(self._classes)
        request.ticket.add_done_callback(self._ended)
        with self.changed:
            now = request.arrived = self._clock()
            waiting = [Row(request, i) for i in rows]
            request.unanswered = len(waiting)
            self._check_room(request, now)
            self._open[request.ticket] = request
            if waiting:
                self.queues.entrance.put(waiting)
                self.changed.notify()
        if not waiting:
            self._close([Row(request, 0)], now)

    def check_not_full(self) -> None:
        """Refuse what has not been looked at yet, where no row of it could wait.

        Raises:
            OverloadError: the queue is full.
        """
        count = len(self.queues.entrance)
        if count >= self._config.queue:
            self._refuse(f"{count} rows wait, which is as many as it takes", count * self._row_s)

    @property
    def idle(self) -> bool:
        """Whether `at_once` would answer, as it looks: another thread may be quicker."""
        return self._alone.quick and not (self.turns.locked() or self.closing) and self.queues.empty

    def at_once(self, inputs: Inputs, taus: tuple[float, ...], deadline: float, later: Later) -> Served | None:
        """Answer one prepared row in the caller's thread, where nobody waits and nothing runs; None: `put` it.

        Args:
            inputs: of the row, copied.
            taus: limits, as `as_limits` gives them.
            deadline: on the clock, in seconds.
            later: is handed what can be done once the answer is on its way.

        Raises:
            EeinferError: a segment fails.
        """
        if not (self._alone.quick and self.turns.acquire(blocking=False)):
            return None
        try:
            if self.closing or not self.queues.empty or self._pressure.is_on(1):
                return None
            served = self._alone.answer(inputs, taus, deadline, later)
            if served is None:
                return None
            self._row_s += _FORGETS * (served.latency_ms / 1e3 - self._row_s)
            return served
        except EeinferError:
            self._observer.failed()
            raise
        finally:
            self.turns.release()

    def turn(self) -> bool:
        """Run one segment for the rows that are worth most; False where nobody waits."""
        with self.changed:
            now = self._clock()
            given_up, self._given_up = self._given_up, False
            late = self.queues.take_late(now, given_up=given_up)
            standing = self.queues.standing()
            k = chosen(standing, now, self._max_wait_ms).k if standing else -1
            rows = self.queues.entrance.take(self.full[0]) if k == 0 else []
        self._answer_held(late, now)
        if k > 0:
            self._run(k, self._joined(self.queues.later[k].take(self.full[k])))
        elif rows:
            self._run(0, self._started(rows, now))
        return k >= 0 or bool(late)

    def abandon(self, error: EeinferError) -> None:
        """Let everybody who waits have an error, and take nothing further in. For whoever holds the turns."""
        with self.changed:
            self.closing = True
            self.queues.clear()
            self.changed.notify()
        for request in list(self._open.values()):  # a turn that did not end had some of them in its hands
            self._fail(request, error)

    def _check_room(self, request: Request, now: float) -> None:
        count = len(self.queues.entrance)
        wait = count * self._row_s
        if self.closing:
            self._refuse("it is shutting down", 1.0)
        if count + request.unanswered > self._config.queue:
            self._refuse(f"{count} rows wait and {request.unanswered} came; it takes {self._config.queue}", wait)
        if now + wait + self._costs.ms(0, 1) / 1e3 > request.deadline:
            self._refuse(f"the first exit comes in about {wait * 1e3:.0f} ms, after the deadline", wait)

    def _refuse(self, why: str, wait: float) -> None:
        self._observer.refused()
        after = max(wait, self._row_s)
        text = f"the server takes no more at present: {why}; retry in {after:.3f} s"
        raise OverloadError(text, retry_after_s=after, closing=self.closing)

    def _started(self, rows: list[Row], now: float) -> Part:
        """Let rows stand before segment 0, with thresholds of their own."""
        lower = self._pressure.is_on(len(self.queues.entrance) + len(rows))
        for row in rows:
            if math.isnan(row.request.began):
                row.request.began = now
                if lower:
                    self._pressure.lower(row.request)
        numbers = [next(self._numbers) for _ in rows]
        batch = self._steps.start(gathered(rows), numbers, rows[0].request.taus)
        batch.taus = [row.request.taus for row in rows]
        return Part(batch, dict(zip(numbers, rows, strict=True)))

    def _joined(self, parts: list[Part]) -> Part:
        whole = parts[0]
        for part in parts[1:]:
            whole = Part(self._steps.join(whole.batch, part.batch), whole.rows | part.rows)
        return whole

    def _run(self, k: int, part: Part) -> None:
        """Run segment k, and where batches are not merged again all that follow it."""
        began = self._clock()
        try:
            step = self._steps.step(part.batch)
        except EeinferError as error:
            self._steps.end(part.batch)
            self._one_by_one(list(part.rows.values()), error)
            return
        now = self._clock()
        self._spent_s += now - began
        self._observer.stepped(k, len(part), now - began)
        self._hand_out(part, step, now)
        if not part.rows:
            self._steps.end(part.batch)
        elif self._config.rebatching:
            self._steps.leave(part.batch)
            part.wait(now)
            self.queues.later[k + 1].parts.append(part)
        else:
            self._run(k + 1, part)

    def _hand_out(self, part: Part, step: Step, now: float) -> None:
        left = []
        for i, number, near in zip(step.leaves, step.rows, step.near, strict=True):
            row = part.rows.pop(number)
            row.answer(Held.of(step, i, near), late=False)
            left.append(row)
        self._hold(part, step)
        self._close(left, now)

    def _hold(self, part: Part, step: Step) -> None:
        """Keep the answers of those who stay and have a deadline: one of them may be their last."""
        if not any(row.request.deadline < math.inf for row in part.rows.values()):
            return
        for i, number in enumerate(part.batch.rows):
            stays = part.rows.get(number)
            if stays is not None and stays.request.deadline < math.inf:
                stays.held = Held.of(step, i, part.batch.near[i])

    def _answer_held(self, late: list[tuple[Part, dict[int, Row]]], now: float) -> None:
        for part, rows in late:
            self._steps.drop(part.batch, rows)
            if not part.rows:
                self._steps.end(part.batch)
            answered = [row for row in rows.values() if not row.over]
            for row in answered:
                assert row.held is not None
                row.answer(row.held, late=True)
            self._close(answered, now)

    def _one_by_one(self, rows: list[Row], error: EeinferError) -> None:
        """A segment failed: every row goes its way again alone, and whose segment fails again fails alone."""
        if len(rows) == 1:
            self._fail(rows[0].request, error)
            return
        for row in rows:
            self._all_alone(row)
        self._close([row for row in rows if not row.over], self._clock())

    def _all_alone(self, row: Row) -> None:
        try:
            for step in self._steps.run(gathered([row]), [0], row.request.taus):
                if step.rows:
                    row.answer(Held.of(step, 0, step.near[0]), late=False)
        except EeinferError as error:
            self._fail(row.request, error)

    def _ended(self, ticket: "Future[Served]") -> None:
        self._open.pop(ticket, None)
        if ticket.cancelled():
            self._given_up = True
            self._observer.cancelled()

    def _fail(self, request: Request, error: EeinferError) -> None:
        if request.begin_answer():
            self._given_up = True  # its other rows may wait somewhere
            request.ticket.set_exception(error)
            self._observer.failed()

    def _close(self, rows: list[Row], now: float) -> None:
        """Answer the requests that are complete with these rows."""
        if rows:
            self._row_s += _FORGETS * (self._spent_s / len(rows) - self._row_s)
            self._spent_s = 0.0
        for request in {id(row.request): row.request for row in rows}.values():
            if request.unanswered == 0 and request.begin_answer():
                served = request.served(now)
                self._observer.answered(served)
                request.ticket.set_result(served)


def broken(error: Exception) -> BundleError:
    """Return what to tell everybody where a turn failed beyond what a single row can be blamed for."""
    return BundleError(f"serving has stopped: {first_line(error)}; load the bundle again")

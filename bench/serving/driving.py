"""Sending requests when they are due, whatever has become of those before, and noting how each one ends."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

_WAITS_S = 30.0  # for the last answers

Done = Callable[[int], None]  # is told the exit of the answer; REFUSED, or FAILED
REFUSED, FAILED = -2, -3


class Target(Protocol):
    """What is loaded."""

    def send(self, number: int, done: Done) -> None:
        """Begin request ``number`` and return at once; ``done`` is called when it has ended, from any thread."""


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """How N requests ended."""

    seconds: float  # in which they arrived
    latency_ms: NDArray[Any]  # [N] from when a request was due; infinite where it never ended
    exits: NDArray[Any]  # [N] that answered; REFUSED, FAILED
    late_ms: float  # 99th percentile of how late the sender was: what it cannot keep is the sender's fault

    def goodput(self, deadline_ms: float) -> float:
        """Return the requests per second that were answered in time."""
        return float(((self.latency_ms <= deadline_ms) & (self.exits >= 0)).sum() / self.seconds)

    def percentile(self, percent: float) -> float:
        """Return a percentile of the latencies of answered requests."""
        answered = self.latency_ms[self.exits >= 0]
        return float(np.percentile(answered, percent)) if len(answered) else float("nan")

    def share(self, what: int) -> float:
        """Return the share of requests with this exit, REFUSED or FAILED."""
        return float((self.exits == what).mean()) if len(self.exits) else 0.0


def drive(target: Target, times: Sequence[float] | NDArray[Any], seconds: float) -> Outcomes:
    """Send a request at each of ``times``, in seconds from now, and wait for the answers.

    A latency counts from when the request was due and not from when it was sent: a sender that is held up by the server
    would otherwise leave out just the slow ones.
    """
    count = len(times)
    latency, exits, late = np.full(count, np.inf), np.full(count, FAILED), np.zeros(count)
    left, over = threading.Semaphore(0), time.perf_counter

    def ended(number: int) -> Done:
        def done(exit: int) -> None:
            latency[number] = (over() - began - times[number]) * 1e3
            exits[number] = exit
            left.release()

        return done

    began = over() + 0.05
    for number in range(count):
        while (wait := began + times[number] - over()) > 0:
            time.sleep(wait)
        late[number] = -wait * 1e3
        target.send(number, ended(number))
    until = over() + _WAITS_S
    for _ in range(count):
        left.acquire(timeout=max(0.0, until - over()))
    late_ms = float(np.percentile(late, 99)) if count else 0.0
    return Outcomes(seconds=seconds, latency_ms=latency, exits=exits, late_ms=late_ms)

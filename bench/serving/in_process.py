"""The scheduler in this process as a target, and what it ran."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.bench.noise import noise
from eeinfer.bench.serving.driving import FAILED, REFUSED, Done
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import OverloadError
from eeinfer.serving import Observer, Scheduler, Served

_IMAGES = 64


class Seen(Observer):
    """Batch sizes and times per depth."""

    def __init__(self) -> None:
        self.steps: Counter[tuple[int, int]] = Counter()
        self.seconds: Counter[int] = Counter()

    def stepped(self, k: int, rows: int, seconds: float) -> None:
        """Count a step."""
        self.steps[k, rows] += 1
        self.seconds[k] += seconds  # type: ignore[assignment]  # a Counter adds up whatever it is given

    def mean_rows(self, k: int) -> float:
        """Return how many rows ran segment k together, in the mean."""
        found = [(rows, times) for (segment, rows), times in self.steps.items() if segment == k]
        steps = sum(times for _, times in found)
        return sum(rows * times for rows, times in found) / steps if steps else 0.0


class InProcess:
    """Hands requests of one row to a scheduler, each with the thresholds that let it leave at a given exit."""

    def __init__(self, scheduler: Scheduler, images: NDArray[Any], exits: Sequence[int] | None) -> None:
        """Take what is sent.

        Args:
            scheduler: what is loaded.
            images: N prepared rows, which requests take in turn.
            exits: where request i leaves, i modulo their number; None lets the scores decide.
        """
        self._scheduler, self._exits = scheduler, exits
        self._rows = [images[i : i + 1] for i in range(len(images))]
        last = len(scheduler.engine.tau) - 1
        self._taus = [tuple(0.0 if k == exit else 1.0 for k in range(last + 1)) for exit in range(last + 1)]

    def send(self, number: int, done: Done) -> None:
        """Submit a request."""
        tau = None if self._exits is None else self._taus[self._exits[number % len(self._exits)]]
        try:
            ticket = self._scheduler.submit(self._rows[number % len(self._rows)], tau=tau)
        except OverloadError:
            done(REFUSED)
            return
        ticket.add_done_callback(lambda found: done(_exit(found)))


def _exit(ticket: "Future[Served]") -> int:
    return FAILED if ticket.cancelled() or ticket.exception() else int(ticket.result().exits[0])


def drawn_images(bundle: Path, seed: int) -> NDArray[Any]:
    """Return prepared rows that say nothing, for a bundle with one input."""
    spec = Bundle.open(bundle, verify=False).manifest.input.tensor
    return noise(spec, _IMAGES, seed)


def equal_shares(exits: int, seed: int, rounds: int = 64) -> list[int]:
    """Return exits in a drawn order in which each is as frequent as any other."""
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(exits) for _ in range(rounds)]).tolist()  # type: ignore[no-any-return]

"""The scheduler: a core and the thread that takes its turns. Any number of threads may submit."""

import logging
import math
import time
from collections.abc import Mapping
from concurrent.futures import Future
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import finite_rows
from eeinfer.engine import Engine
from eeinfer.errors import ConfigError, EeinferError
from eeinfer.preprocess import Given
from eeinfer.rule import Taus, as_deadline, as_limits
from eeinfer.serving.alone import Later
from eeinfer.serving.config import ServingConfig
from eeinfer.serving.core import Core, broken
from eeinfer.serving.costs import measured
from eeinfer.serving.observer import Observer
from eeinfer.serving.request import prepared_request
from eeinfer.serving.served import Served
from eeinfer.steps import Steps

log = logging.getLogger(__name__)


class Scheduler:
    """Serves one engine to many callers.

    Example:
        >>> with Scheduler(eeinfer.load("model.eeb")) as scheduler:
        ...     served = scheduler.submit(images, deadline_ms=20, client="me").result()
    """

    def __init__(
        self, engine: Engine, config: ServingConfig | None = None, *, observer: Observer | None = None
    ) -> None:
        """Measure what the segments take, which warms them up at every batch size, and begin.

        Raises:
            ConfigError: the engine's backend brings its own loop, or the floor has another length than one per exit.
            BundleError: a segment does not run.
        """
        self.engine, self.config, loop = engine, config or ServingConfig(), engine.loop
        if not isinstance(loop, Steps):
            raise ConfigError(
                f"backend {engine.backend!r} has a loop of its own, which cannot be shared by requests; "
                "load the bundle with backend='onnxruntime'"
            )
        if self.config.floor is not None and len(self.config.floor) != len(engine.tau):
            raise ConfigError(f"the floor has {len(self.config.floor)} thresholds for {len(engine.tau)} exits")
        self.costs = measured(loop, engine.manifest, self.config.max_batch)
        first = engine.manifest.inputs[0].tensor
        self._name, self._dtype = first.name, np.dtype(first.dtype)
        self._one_shape = (1, *first.shape) if len(engine.manifest.inputs) == 1 else None
        self._own = as_limits(engine.tau, len(engine.tau))
        self._observer = observer or Observer()
        self._core = Core(loop, engine.manifest, self.costs, self.config, observer=self._observer)
        self._thread = Thread(target=self._turns, name=f"serving {engine.manifest.name}", daemon=True)
        self._thread.start()

    @property
    def full(self) -> tuple[int, ...]:
        """The rows of a full batch of every segment."""
        return self._core.full

    @property
    def closed(self) -> bool:
        """Whether nothing further is taken in: it was drained, or has failed."""
        return self._core.closing

    def __len__(self) -> int:
        """Return about how many rows wait or are under way."""
        return len(self._core.queues)

    def check_not_full(self) -> None:
        """Refuse a request before it is read, where ``submit`` would refuse it for a full queue.

        Raises:
            OverloadError: it would.
        """
        self._core.check_not_full()

    @property
    def idle(self) -> bool:
        """Whether `at_once` would answer a row that it takes."""
        return self._core.idle

    def at_once(
        self,
        images: Mapping[str, NDArray[Any]],
        *,
        tau: Taus | None = None,
        deadline_ms: float | None = None,
        later: Later = lambda work: work(),
    ) -> Served | None:
        """Answer one row in this thread, where nobody else is served and it takes less than 2 ms; None: ``submit`` it.

        Args:
            images: the prepared tensor [1, *shape] of a bundle with one input, under its name.
            tau: as in ``submit``.
            deadline_ms: as in ``submit``.
            later: is handed what can be done once the answer is on its way; it is done at once where none is given.

        Raises:
            InputError: tau or deadline are not what is taken.
            BundleError: a segment fails, or answers with what no score or class can be.
        """
        given = images.get(self._name)
        if given is None or len(images) > 1 or given.shape != self._one_shape or given.dtype != self._dtype:
            return None
        taus = self._own if tau is None else as_limits(tau, len(self._own))
        deadline = math.inf if deadline_ms is None else as_deadline(deadline_ms, time.monotonic())
        try:
            return self._core.at_once(images, taus, deadline, later)
        except EeinferError:
            raise
        except Exception as error:
            raise self._stopped(error) from error

    def submit(
        self,
        images: Given,
        *,
        tau: Taus | None = None,
        deadline_ms: float | None = None,
        priority: int = 0,
        client: str = "",
    ) -> "Future[Served]":
        """Hand in the rows of one request. Its inputs are read in place until it is answered.

        Args:
            images: what an engine takes.
            tau: thresholds of this request, never lowered; None takes the engine's.
            deadline_ms: from now; rows still in by then answer with the last exit that they have passed.
            priority: 1 goes first, 3 last; 0 is the usual one.
            client: rows of one client wait for one another, those of several take turns.

        Returns:
            What holds the answers; ``cancel()`` gives the request up wherever it is.

        Raises:
            InputError: images, tau, deadline or priority are not what is taken.
            OverloadError: the queue is full, the deadline cannot be kept, or the scheduler is closing.
        """
        request = prepared_request(
            images,
            self.engine.manifest,
            self._own,
            tau=tau,
            deadline_ms=deadline_ms,
            priority=priority,
            client=client,
        )
        self._core.put(request, np.flatnonzero(finite_rows(request.inputs)).tolist())
        return request.ticket

    def drain(self, timeout_s: float | None = None) -> bool:
        """Take nothing further in and wait until all that was taken is answered; False where time ran out."""
        with self._core.changed:
            self._core.closing = True
            self._core.changed.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def __enter__(self) -> "Scheduler":
        return self

    def __exit__(self, *_: object) -> None:
        self.drain()

    def _turns(self) -> None:
        core = self._core
        while True:
            try:
                with core.turns:
                    if core.turn():
                        continue
            except Exception as error:
                self._stopped(error)
                return
            with core.changed:
                if not len(core.queues):
                    if core.closing:
                        return
                    core.changed.wait()

    def _stopped(self, error: Exception) -> EeinferError:
        """End with a defect, or for want of memory: nobody may wait for ever."""
        log.exception("serving %s has stopped", self.engine.manifest.name)
        with self._core.turns:
            self._core.abandon(told := broken(error))
        return told

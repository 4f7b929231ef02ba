"""The process that watches over the workers: one that dies is started again, the others go on."""

import logging
import multiprocessing
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from eeinfer.errors import EeinferError
from eeinfer.serving.web.processes.sockets import listening, reserved
from eeinfer.serving.web.settings import ServerSettings

_SOON_S = 1.0  # a worker that dies within this time of its start is not started again at once
_MOST_FAILURES = 5  # in a row, before any of them was ready
_METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # what prometheus_client calls it

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where a server listens."""

    host: str
    http: int
    grpc: int | None
    metrics: int | None


@dataclass(eq=False, kw_only=True)
class _Worker:
    process: Any
    news: Connection  # what the worker says: "ready", or why it cannot be
    started: float = field(default_factory=time.monotonic)
    ready: bool = False


class Supervisor:
    """Starts workers, watches over them, and stops them."""

    def __init__(self, settings: ServerSettings) -> None:
        """Reserve the ports.

        Raises:
            ConfigError: one cannot be had.
        """
        self._settings = settings
        self._http = listening(settings.host, settings.http)
        self._grpc = None if settings.grpc is None else reserved(settings.host, settings.grpc)
        self._metrics = None if settings.metrics is None else reserved(settings.host, settings.metrics)
        ports = [None if s is None else s.getsockname()[1] for s in (self._http, self._grpc, self._metrics)]
        self.addresses = Addresses(host=settings.host, http=ports[0] or 0, grpc=ports[1], metrics=ports[2])
        self._workers: list[_Worker] = []
        self._stopping, self._failures = False, 0
        self._wake, self._woken = socket.socketpair()

    @property
    def workers(self) -> list[int]:
        """The processes that serve, by their numbers."""
        return [worker.process.pid for worker in self._workers]

    def stop(self) -> None:
        """Ask the workers to finish what they have taken in; safe in a signal handler."""
        self._stopping = True
        self._wake.send(b".")

    def run(self, ready: Callable[[Addresses], None]) -> None:
        """Serve until `stop` is called; ``ready`` is called once, when every worker serves.

        Raises:
            EeinferError: the workers do not start.
        """
        with tempfile.TemporaryDirectory(prefix="eeinfer-metrics-") as folder:
            os.environ[_METRICS_FOLDER] = folder
            try:
                self._show_metrics()
                for _ in range(self._settings.workers):
                    self._start()
                self._watch(ready)
            finally:
                self._end()
                del os.environ[_METRICS_FOLDER]

    def _show_metrics(self) -> None:
        if self._metrics is None:
            return
        from prometheus_client import CollectorRegistry, start_http_server
        from prometheus_client.multiprocess import MultiProcessCollector

        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # prometheus_client's
        self._metrics.close()
        self._metrics = None
        start_http_server(self.addresses.metrics or 0, self._settings.host, registry)

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        mine, its = context.Pipe(duplex=False)
        grpc_port = None if self._grpc is None else self._grpc.getsockname()[1]
        from eeinfer.serving.web.processes.process import run_worker

        process = context.Process(target=run_worker, args=(self._settings, self._http, grpc_port, its), daemon=True)
        process.start()
        its.close()
        self._workers.append(_Worker(process=process, news=mine))

    def _watch(self, ready: Callable[[Addresses], None]) -> None:
        told = False
        while not self._stopping:
            by_pipe = {worker.news: worker for worker in self._workers}
            by_end = {worker.process.sentinel: worker for worker in self._workers}
            for found in wait([*by_pipe, *by_end, self._woken]):
                if found in by_pipe:
                    self._hear(by_pipe[found])
                elif found in by_end and not self._stopping:
                    self._replace(by_end[found])
            if not told and all(worker.ready for worker in self._workers):
                told = True
                ready(self.addresses)

    def _hear(self, worker: _Worker) -> None:
        try:
            news = worker.news.recv()
        except (EOFError, OSError):  # it has died: its sentinel says so too
            worker.news.close()
            worker.news = multiprocessing.Pipe(duplex=False)[0]
            return
        if news != "ready":
            raise EeinferError(news)
        worker.ready, self._failures = True, 0

    def _replace(self, worker: _Worker) -> None:
        worker.process.join()
        self._workers.remove(worker)
        log.error("worker %s ended with status %s; another is started", worker.process.pid, worker.process.exitcode)
        _forget_metrics(worker.process.pid)
        self._failures += not worker.ready
        if self._failures >= _MOST_FAILURES:
            raise EeinferError(f"{self._failures} workers in a row ended before they served; see the log above")
        if time.monotonic() - worker.started < _SOON_S:
            time.sleep(_SOON_S)
        self._start()

    def _end(self) -> None:
        """Let the workers finish; those that take too long are killed."""
        for worker in self._workers:
            if worker.process.is_alive():
                os.kill(worker.process.pid, signal.SIGTERM)
        until = time.monotonic() + self._settings.drain_s + 2 * _SOON_S
        for worker in self._workers:
            worker.process.join(max(0.0, until - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        for found in (self._http, self._grpc, self._metrics):
            if found is not None:
                found.close()


def _forget_metrics(pid: int) -> None:
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid)  # type: ignore[no-untyped-call]  # prometheus_client's

"""What Prometheus reads: requests, exits, batch sizes per depth, queue times, latency, refusals, degraded answers."""

from collections import Counter as Counts

from prometheus_client import CollectorRegistry, Counter, Histogram

from eeinfer.serving.observer import Observer
from eeinfer.serving.served import Served

_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128)
LIMITS = ("connections", "requests", "body")


class Metrics:
    """The metrics of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register them."""

        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"eeinfer_{name}", what, ["model", *labels], registry=registry)

        def histogram(name: str, what: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"eeinfer_{name}", what, ["model", *labels], buckets=buckets, registry=registry)

        self.requests = counter("requests", "Requests by how they ended.", "outcome")
        self.exits = counter("exits", "Rows by the exit that answered; -1: none could.", "exit")
        self.late = counter("late_rows", "Rows that a deadline ended.")
        self.degraded = counter("degraded_requests", "Requests whose thresholds were lowered under overload.")
        self.batch = histogram("batch_rows", "Rows that ran a segment together.", _ROWS, "segment")
        self.step = histogram("segment_seconds", "Time of a segment.", _SECONDS, "segment")
        self.queue = histogram("queue_seconds", "From arrival to the begin of segment 0.", _SECONDS)
        turned_away = (
            "Requests refused unread, by the limit that they met: of connections, of requests at once, of a body."
        )
        self._turned_away = Counter("eeinfer_turned_away", turned_away, ["limit"], registry=registry)
        for limit in LIMITS:  # so that each is there before it is met
            self._turned_away.labels(limit)
        self.latency = histogram("latency_seconds", "From arrival to the last row's answer.", _SECONDS)

    def count_turned_away(self, limit: str) -> None:
        """Count a request that was refused by one of LIMITS."""
        self._turned_away.labels(limit).inc()


class Measured(Observer):
    """Counts what a scheduler tells of one model."""

    def __init__(self, metrics: Metrics, model: str, exits: int) -> None:
        """Look the labelled metrics up once: that takes longer than counting."""
        self._metrics, self._model = metrics, model
        self._requests = {
            outcome: metrics.requests.labels(model, outcome)
            for outcome in ("answered", "failed", "cancelled", "refused")
        }
        self._exits = [metrics.exits.labels(model, str(k)) for k in (*range(exits), -1)]
        self._batch = [metrics.batch.labels(model, str(k)) for k in range(exits)]
        self._step = [metrics.step.labels(model, str(k)) for k in range(exits)]
        self._queue, self._latency = metrics.queue.labels(model), metrics.latency.labels(model)
        self._late, self._degraded = metrics.late.labels(model), metrics.degraded.labels(model)

    def stepped(self, k: int, rows: int, seconds: float) -> None:
        """Count a step."""
        self._batch[k].observe(rows)
        self._step[k].observe(seconds)

    def answered(self, served: Served) -> None:
        """Count a request and its rows."""
        self._requests["answered"].inc()
        for k, rows in Counts(served.exits.tolist()).items():
            self._exits[k].inc(rows)
        self._queue.observe(served.queue_ms / 1e3)
        self._latency.observe(served.latency_ms / 1e3)
        if served.degraded:
            self._degraded.inc()
        if late := int(served.late.sum()):
            self._late.inc(late)

    def failed(self) -> None:
        """Count a request."""
        self._requests["failed"].inc()

    def cancelled(self) -> None:
        """Count a request."""
        self._requests["cancelled"].inc()

    def refused(self) -> None:
        """Count a request."""
        self._requests["refused"].inc()

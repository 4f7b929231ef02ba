"""What a replica tells Ray's metrics, which Prometheus reads at every node: how requests end, and where rows leave."""

from collections import Counter
from typing import Any

from eeinfer.serving.observer import Observer
from eeinfer.serving.served import Served


class Counted(Observer):
    """Counts for one model; Ray adds the application, the deployment and the replica."""

    def __init__(self, model: str) -> None:
        """Register the metrics, inside a replica."""
        from ray.serve import metrics

        def counter(name: str, what: str, tag: str) -> Any:
            found = metrics.Counter(f"eeinfer_{name}", description=what, tag_keys=("model", tag))
            found.set_default_tags({"model": model})
            return found

        self._requests = counter("requests", "Requests by how they ended.", "outcome")
        self._exits = counter("exits", "Rows by the exit that answered; -1: none could.", "exit")

    def answered(self, served: Served) -> None:
        """Count a request and its rows."""
        self._ended("answered")
        for k, rows in Counter(served.exits.tolist()).items():
            self._exits.inc(rows, tags={"exit": str(k)})

    def failed(self) -> None:
        """Count a request."""
        self._ended("failed")

    def cancelled(self) -> None:
        """Count a request."""
        self._ended("cancelled")

    def refused(self) -> None:
        """Count a request."""
        self._ended("refused")

    def _ended(self, outcome: str) -> None:
        self._requests.inc(1, tags={"outcome": outcome})

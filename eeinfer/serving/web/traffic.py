"""What the graphs of the page are drawn from: the metrics of all workers, added up."""

from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector


def traffic() -> dict[str, dict[str, Any]]:
    """Return for every model its requests by outcome, its rows by exit, and the seconds of the requests answered."""
    found: dict[str, dict[str, Any]] = {}
    collector = MultiProcessCollector(CollectorRegistry())  # type: ignore[no-untyped-call]  # prometheus_client's
    for metric in collector.collect():  # type: ignore[no-untyped-call]
        for sample in metric.samples:
            if "model" not in sample.labels:
                continue
            of = found.setdefault(
                sample.labels["model"], {"requests": {}, "exits": {}, "seconds": 0.0, "answered": 0.0}
            )
            if sample.name == "eeinfer_requests_total":
                of["requests"][sample.labels["outcome"]] = sample.value
            elif sample.name == "eeinfer_exits_total":
                of["exits"][sample.labels["exit"]] = sample.value
            elif sample.name == "eeinfer_latency_seconds_sum":
                of["seconds"] = sample.value
            elif sample.name == "eeinfer_latency_seconds_count":
                of["answered"] = sample.value
    return found

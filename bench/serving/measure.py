"""A sweep of rates over one target or several that take turns: latencies and goodput at each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

import numpy as np

from eeinfer.bench.environment import Environment
from eeinfer.bench.reporting.records import Record, encode
from eeinfer.bench.serving.arrivals import POISSON, arrivals
from eeinfer.bench.serving.driving import FAILED, REFUSED, Outcomes, Target, drive
from eeinfer.errors import ConfigError
from eeinfer.progress import Progress

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class LoadConfig:
    """Settings of a load test."""

    rates: tuple[float, ...]  # requests per second
    deadline_ms: float  # within which an answer counts
    arrivals: str = POISSON  # or bursts, or the path of a trace
    seconds: float = 5.0  # of each turn
    rounds: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.rates or min(self.rates) <= 0:
            raise ConfigError(f"the rates are {list(self.rates)}; give one or more requests per second, above 0")
        if not self.deadline_ms > 0 or self.rounds < 1 or not self.seconds > 0:
            raise ConfigError("deadline, rounds and seconds of a load test have to be above 0")


class LoadRow(Record, frozen=True, kw_only=True):
    """One target at one rate: medians over rounds."""

    target: str
    rate: float  # asked
    requests: int  # in all rounds
    goodput: float  # answered within the deadline, per second
    goodput_min: float  # of the rounds
    p50_ms: float
    p90_ms: float
    p99_ms: float
    refused: float  # share
    failed: float
    exits: tuple[int, ...]  # answers of each exit, all rounds
    batch_rows: tuple[float, ...] | None = None  # mean rows per segment; None: not told
    sender_late_ms: float  # 99th percentile; much of it, and the figures are the sender's


class LoadReport(Record, frozen=True, kw_only=True):
    """A load test."""

    schema_version: int = SCHEMA
    created: str
    bundle: str
    deadline_ms: float
    arrivals: str
    environment: Environment
    peaks: dict[str, float]  # target -> its best goodput over the rates
    rows: tuple[LoadRow, ...]

    def to_json(self) -> bytes:
        """Encode as indented JSON."""
        return encode(self)


Batches = Callable[[str], Sequence[float] | None]  # mean rows per segment of a target since the last call


def measure_load(
    targets: Mapping[str, Target], config: LoadConfig, exits: int, batches: Batches, progress: Progress
) -> tuple[LoadRow, ...]:
    """Load every target at every rate; in each round all of them see the same arrivals, one after another.

    Args:
        targets: by name.
        config: how.
        exits: how many the answers may come from.
        batches: tells the batch sizes of a target.
        progress: told what is done.
    """
    found: dict[tuple[str, float], list[tuple[Outcomes, Sequence[float] | None]]] = {}
    done, planned = 0, config.rounds * len(config.rates) * len(targets)
    for round in range(config.rounds):
        for rate in config.rates:
            times = arrivals(config.arrivals, rate, config.seconds, config.seed + round)
            order = list(targets)
            for name in order[round % len(order) :] + order[: round % len(order)]:
                progress(f"{name} at {rate:g}/s", done, planned)
                batches(name)
                outcomes = drive(targets[name], times, config.seconds)
                found.setdefault((name, rate), []).append((outcomes, batches(name)))
                done += 1
    return tuple(_row(name, rate, turns, config, exits) for (name, rate), turns in found.items())


def peaks(rows: Sequence[LoadRow]) -> dict[str, float]:
    """Return the best goodput of every target."""
    return {name: max(row.goodput for row in rows if row.target == name) for name in {row.target: 0 for row in rows}}


def now() -> str:
    """Return the time for a report."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _row(
    name: str, rate: float, turns: Sequence[tuple[Outcomes, Sequence[float] | None]], config: LoadConfig, exits: int
) -> LoadRow:
    outcomes = [outcome for outcome, _ in turns]
    goodputs = [outcome.goodput(config.deadline_ms) for outcome in outcomes]
    left = np.concatenate([outcome.exits for outcome in outcomes])
    told = [batch for _, batch in turns if batch is not None]
    percentiles = [float(np.median([outcome.percentile(q) for outcome in outcomes])) for q in (50, 90, 99)]
    return LoadRow(
        target=name,
        rate=rate,
        requests=len(left),
        goodput=float(np.median(goodputs)),
        goodput_min=min(goodputs),
        p50_ms=percentiles[0],
        p90_ms=percentiles[1],
        p99_ms=percentiles[2],
        refused=float((left == REFUSED).mean()),
        failed=float((left == FAILED).mean()),
        exits=tuple(np.bincount(left[left >= 0], minlength=exits).tolist()),
        batch_rows=tuple(np.mean(told, axis=0).tolist()) if told else None,
        sender_late_ms=max(outcome.late_ms for outcome in outcomes),
    )

"""Many threads calling one engine: throughput and the slowest calls, at several numbers of callers."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from time import perf_counter
from typing import Any

import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from eeinfer.arrays import count_rows, take
from eeinfer.bench.environment import Environment, load_average, of_engine
from eeinfer.bench.reporting.records import Record, encode
from eeinfer.bench.timing.cascade import as_given
from eeinfer.engine import Engine
from eeinfer.errors import ConfigError
from eeinfer.preprocess import Given, prepare_inputs
from eeinfer.progress import Progress
from eeinfer.rule import Taus

CALLERS_SCHEMA = 2


@dataclass(frozen=True, kw_only=True)
class CallersConfig:
    """Settings of one measurement."""

    callers: tuple[int, ...] = (1, 2, 4, 8)
    rounds: int = 5  # in which every number of callers takes a turn
    turn_seconds: float = 1.0

    def __post_init__(self) -> None:
        if not self.callers or min(self.callers) < 1:
            raise ConfigError(f"callers is {list(self.callers)}; give one or more numbers of threads, each 1 or more")


class CallersRow(Record, frozen=True, kw_only=True):
    """What so many callers got, at batch 1; medians over rounds of each round's number."""

    callers: int
    images_per_second: float  # all callers together
    least_per_second: float  # of the rounds
    most_per_second: float
    speedup: float  # over the first row, round by round
    p50_ms: float  # of a call
    p99_ms: float
    calls: int  # in all rounds


class CallersReport(Record, frozen=True, kw_only=True):
    """The whole measurement."""

    schema_version: int = CALLERS_SCHEMA
    created: str
    bundle: str
    path: str | UnsetType = UNSET  # where it lay; said on stdout alone: what is kept names nobody's folders
    taus: tuple[float, ...]
    shares: tuple[float, ...]  # of the calls that left at each exit
    environment: Environment
    rows: tuple[CallersRow, ...]

    def to_json(self) -> bytes:
        """Encode as indented JSON."""
        return encode(self)


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What so many callers did in one turn."""

    seconds: float
    ms: NDArray[Any]  # of every call
    exits: NDArray[Any]


def measure_callers(
    engine: Engine,
    images: Any,
    config: CallersConfig,
    progress: Progress,
    *,
    tau: Taus | None,
    threads: int | str | None = None,
    named: bool = False,
) -> CallersReport:
    """Let threads call ``engine`` with one image at a time, every number of callers taking turns.

    Args:
        engine: the engine they share.
        images: N images that it takes, or a mapping with N rows for each input.
        config: how.
        progress: told what is being done, how many turns of it are done and how many are planned.
        tau: thresholds; None takes the engine's.
        threads: that the engine was asked for.
        named: whether its backend was asked for by its name.
    """
    load, turns = load_average(), {count: list[Turn]() for count in config.callers}
    single = (take(images, np.array([row])) for row in range(count_rows(images)))
    prepared = [as_given(prepare_inputs(image, engine.manifest)) for image in single]
    for round in range(config.rounds):
        for position, count in enumerate(config.callers):
            progress("callers", round * len(config.callers) + position, config.rounds * len(config.callers))
            turns[count].append(turn(engine, prepared, count, config.turn_seconds, tau))
    left = np.concatenate([turn.exits for row in turns.values() for turn in row])
    return CallersReport(
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        bundle=engine.manifest.name,
        taus=engine.tau if tau is None else tuple(np.broadcast_to(np.asarray(tau, float), len(engine.tau)).tolist()),
        shares=tuple((np.bincount(left, minlength=len(engine.tau)) / len(left)).tolist()),
        environment=of_engine(engine, load, named=named, threads=threads),
        rows=tuple(_row(count, turns[count], turns[config.callers[0]]) for count in config.callers),
    )


def turn(engine: Engine, images: Sequence[Given], callers: int, seconds: float, tau: Taus | None) -> Turn:
    """Let all callers begin together and call until the time is over; each begins with another image."""
    gate, found = threading.Barrier(callers + 1), [list[tuple[float, int]]() for _ in range(callers)]

    def call(number: int) -> None:
        own, at = found[number], number
        engine(images[at % len(images)], tau=tau)
        gate.wait()
        end = perf_counter() + seconds
        while (began := perf_counter()) < end or not own:
            result = engine(images[at % len(images)], tau=tau)
            own.append((perf_counter() - began, int(result.exits[0])))
            at += callers

    threads = [threading.Thread(target=call, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    gate.wait()
    began = perf_counter()
    for thread in threads:
        thread.join()
    calls = [entry for own in found for entry in own]
    ms, exits = np.array([second * 1e3 for second, _ in calls]), np.array([exit for _, exit in calls])
    return Turn(seconds=perf_counter() - began, ms=ms, exits=exits)


def _row(callers: int, turns: Sequence[Turn], first: Sequence[Turn]) -> CallersRow:
    rates, alone = (np.array([len(turn.ms) / turn.seconds for turn in row]) for row in (turns, first))
    return CallersRow(
        callers=callers,
        images_per_second=float(np.median(rates)),
        least_per_second=float(rates.min()),
        most_per_second=float(rates.max()),
        speedup=float(np.median(rates / alone)),
        p50_ms=float(np.median([np.percentile(turn.ms, 50) for turn in turns])),
        p99_ms=float(np.median([np.percentile(turn.ms, 99) for turn in turns])),
        calls=sum(len(turn.ms) for turn in turns),
    )

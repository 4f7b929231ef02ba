"""The clock: variants of one computation timed against each other in one process.

A machine speeds up, slows down and is disturbed while it is measured. Variants that are compared therefore take
turns all the time instead of running one after another, in an order that changes. A turn starts with an untimed
call, so that no variant pays for the caches that the one before it has filled.
"""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter, perf_counter_ns
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Call = Callable[[int], object]  # runs the variant on one batch of the sample, given its position
OnTurn = Callable[[int, int], None]  # turns done, turns planned

BLOCK = 10  # calls per turn of a fast network
_TELL_SECONDS = 0.2
_DRAWS = 100  # behind an interval


class Timing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Milliseconds per call."""

    mean_ms: float  # mean over the sample of each batch's median over rounds: what compares with mean FLOPs
    median_ms: float  # from here on over all single calls
    min_ms: float
    p90_ms: float
    p99_ms: float
    calls: int
    rounds: int
    low_ms: float  # 95 % interval of the mean, from rounds drawn anew (bootstrap)
    high_ms: float


def summarise(times_ms: Array) -> Timing:
    """Summarise [rounds, batches] milliseconds."""
    p50, p90, p99 = np.percentile(times_ms, (50, 90, 99))
    low, high = _interval(times_ms)
    return Timing(
        mean_ms=float(np.median(times_ms, axis=0).mean()),
        median_ms=float(p50),
        min_ms=float(times_ms.min()),
        p90_ms=float(p90),
        p99_ms=float(p99),
        calls=int(times_ms.size),
        rounds=int(times_ms.shape[0]),
        low_ms=low,
        high_ms=high,
    )


def _interval(times_ms: Array) -> tuple[float, float]:
    """The mean of medians over rounds, of rounds drawn with replacement (Efron, Annals of Statistics 7, 1979)."""
    rounds = len(times_ms)
    drawn = np.random.default_rng(0).integers(0, rounds, (_DRAWS if rounds > 1 else 1, rounds))
    means = [np.median(times_ms[rows], axis=0).mean() for rows in drawn]
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long to go on."""

    batches: int  # calls of each variant per round
    rounds: int  # at least
    min_seconds: float
    seed: int
    turn: int = BLOCK  # calls of a variant in a row, after an untimed one; turns of one call have none


def time_turns(variants: Mapping[str, Call], schedule: Schedule, on_turn: OnTurn) -> dict[str, Array]:
    """Time every variant on every batch, in turns.

    Returns:
        For each variant [rounds, batches] milliseconds; all have the same number of rounds.
    """
    draw = np.random.default_rng(schedule.seed)
    names = list(variants)
    blocks = [
        range(start, min(start + schedule.turn, schedule.batches))
        for start in range(0, schedule.batches, schedule.turn)
    ]
    step = _Steps(on_turn, of=schedule.rounds * len(blocks) * len(variants))
    rounds: list[dict[str, Array]] = []
    begin = perf_counter()
    with no_collection():
        while len(rounds) < schedule.rounds or perf_counter() - begin < schedule.min_seconds:
            times = {name: np.empty(schedule.batches) for name in variants}
            for block in blocks:
                for position in draw.permutation(len(variants)):
                    name = names[position]
                    step()
                    times[name][block.start : block.stop] = _turn(variants[name], block, untimed=schedule.turn > 1)
            rounds.append(times)
    step.finish()
    return {name: np.stack([times[name] for times in rounds]) for name in variants}


class _Steps:
    """Counts turns and tells of them now and then: showing progress costs time of its own."""

    def __init__(self, on_turn: OnTurn, *, of: int) -> None:
        self._on_turn, self._planned = on_turn, of
        self._done, self._told = 0, -np.inf

    def __call__(self) -> None:
        if perf_counter() - self._told > _TELL_SECONDS:
            self._on_turn(self._done, max(self._planned, self._done + 1))
            self._told = perf_counter()
        self._done += 1

    def finish(self) -> None:
        self._on_turn(self._done, self._done)


def _turn(call: Call, batches: Sequence[int], *, untimed: bool) -> list[float]:
    if untimed:
        call(batches[0])
    return [_milliseconds(call, batch) for batch in batches]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two variants that do the same work for the same batches."""

    name: str
    subject: Call
    reference: Call
    batches: Sequence[int]  # positions in the sample at which both do the same; not empty


def time_pairs(pairs: Sequence[Pair], count: int, seconds: float, on_turn: OnTurn) -> dict[str, Array]:
    """Time pairs back to back, the order within a pair and the order of the pairs alternating.

    Args:
        pairs: what to compare.
        count: pairs of calls wanted of each.
        seconds: from then on a sixth of ``count`` is enough.

    Returns:
        For each pair [n, 2] milliseconds of the subject and its reference.
    """
    times: dict[str, list[tuple[float, float]]] = {pair.name: [] for pair in pairs}
    least, done, begin = max(1, count // 6), 0, perf_counter()
    with no_collection():
        while done < least or (done < count and perf_counter() - begin < seconds):
            on_turn(done, count)
            step = min(5, count - done)
            for pair in pairs[:: -1 if done % 2 else 1]:  # whoever follows another library finds colder caches
                times[pair.name] += _pair_turn(pair, range(done, done + step))
            done += step
    on_turn(count, count)
    return {name: np.array(values) for name, values in times.items()}


def _pair_turn(pair: Pair, turns: Sequence[int]) -> Iterator[tuple[float, float]]:
    first = pair.batches[turns[0] % len(pair.batches)]
    pair.subject(first)
    pair.reference(first)
    for turn in turns:
        batch = pair.batches[turn % len(pair.batches)]
        if turn % 2:
            reference = _milliseconds(pair.reference, batch)
            yield _milliseconds(pair.subject, batch), reference
        else:
            subject = _milliseconds(pair.subject, batch)
            yield subject, _milliseconds(pair.reference, batch)


def _milliseconds(call: Call, batch: int) -> float:
    begin = perf_counter_ns()
    call(batch)
    return (perf_counter_ns() - begin) / 1e6


@contextmanager
def no_collection() -> Iterator[None]:
    """A garbage collection inside a timed call is not the variant's fault."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()

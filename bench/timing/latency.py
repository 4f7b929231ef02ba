"""The two phases of timing: overheads in back-to-back pairs, then every threshold beside the fixed networks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.bench.config import BenchConfig
from eeinfer.bench.reporting.report import Overhead
from eeinfer.bench.timing.cascade import CascadeCalls, forced, leaves_at
from eeinfer.bench.timing.clock import Call, Pair, Schedule, time_pairs, time_turns
from eeinfer.bench.timing.networks import ALL_EXITS, STATIC, cut_name
from eeinfer.bench.timing.sizing import Size
from eeinfer.progress import Progress
from eeinfer.rule import Taus

Array = NDArray[Any]

NEVER = "never leaving, against all exits"


def tau_name(position: int) -> str:
    """What the cascade at the threshold with this index is called among the variants."""
    return f"tau {position}"


@dataclass(frozen=True, kw_only=True)
class Latency:
    """What the clock said."""

    overheads: tuple[Overhead, ...]
    times_ms: dict[str, Array]  # variant -> [rounds, batches]
    left: dict[str, Array]  # cascade variant -> [batches * batch] exits
    runs: Array  # [T] the threshold whose run stands for this one: mostly its own


def time_everything(
    cascade: CascadeCalls,
    networks: dict[str, Call],
    scores: Array,
    taus: Array,
    runs: Array,
    config: BenchConfig,
    size: Size,
    progress: Progress,
) -> Latency:
    """Warm up, time the pairs, then the thresholds in turns with the fixed networks.

    Args:
        cascade: on the batches of the sample.
        networks: fixed networks on the same batches, by name.
        scores: [batches * batch, E] of the sampled rows in order.
        taus: [T, E] thresholds.
        runs: [T] for each threshold the one whose run stands for it.
        config: how.
        size: how much.
        progress: told how far it is.
    """
    pairs = _pairs(cascade, networks, scores, config.batch)
    _warm_up([*networks.values(), *(pair.subject for _, pair in pairs)], config.warmup, progress)
    overheads = _time_overheads(pairs, config, progress)
    variants = {tau_name(t): cascade.at(tau_name(t), _as_given(taus[t])) for t in np.unique(runs)} | networks
    schedule = Schedule(
        batches=size.batches, rounds=size.rounds, min_seconds=config.min_seconds, seed=config.seed, turn=size.turn
    )
    times_ms = time_turns(variants, schedule, lambda done, planned: progress("every threshold, timed", done, planned))
    left = {tau_name(t): np.concatenate(cascade.left[tau_name(t)]) for t in np.unique(runs)}
    return Latency(overheads=overheads, times_ms=times_ms, left=left, runs=runs)


def _as_given(taus: Array) -> Taus:
    """One number where all exits share it, as a caller would give it: to read a vector takes microseconds."""
    return float(taus[0]) if (taus == taus[0]).all() else taus


def _pairs(cascade: CascadeCalls, networks: dict[str, Call], scores: Array, batch: int) -> list[tuple[int, Pair]]:
    """Leaving at each exit at which rows of the sample can be made to leave, and never leaving, with the exits."""
    last = scores.shape[1] - 1
    pairs = []
    for k in range(last + 1):
        whole = np.flatnonzero(leaves_at(scores, k).reshape(-1, batch).all(axis=1))
        other = cut_name(k) if cut_name(k) in networks else STATIC
        name = f"leaving at exit {k}, against {other}"
        if len(whole):
            subject = cascade.at(name, forced(k, last + 1))
            pairs.append((k, Pair(name=name, subject=subject, reference=networks[other], batches=whole.tolist())))
    every = range(len(scores) // batch)
    never = Pair(name=NEVER, subject=cascade.at(NEVER, 1.0), reference=networks[ALL_EXITS], batches=every)
    return [*pairs, (last, never)]


def _warm_up(calls: Sequence[Call], count: int, progress: Progress) -> None:
    for done, call in enumerate(calls):
        progress("warm-up", done, len(calls))
        for _ in range(count):
            call(0)
    progress("warm-up", len(calls), len(calls))


def _time_overheads(pairs: Sequence[tuple[int, Pair]], config: BenchConfig, progress: Progress) -> tuple[Overhead, ...]:
    times = time_pairs(
        [pair for _, pair in pairs],
        config.pairs,
        config.max_seconds / 4,
        lambda done, planned: progress("overheads, in pairs", done, planned),
    )
    return tuple(_overhead(pair.name, exit, times[pair.name]) for exit, pair in pairs)


def _overhead(name: str, exit: int, times_ms: Array) -> Overhead:
    cascade, session = np.median(times_ms, axis=0)
    return Overhead(
        name=name,
        exit=exit,
        cascade_ms=float(cascade),
        session_ms=float(session),
        ratio=float(np.median(times_ms[:, 0] / times_ms[:, 1])),
        pairs=len(times_ms),
    )

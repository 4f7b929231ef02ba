"""Which exits pay on this machine: those whose rows save more time than the head and the border cost everybody."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.bench.config import BenchConfig
from eeinfer.bench.data import check_data
from eeinfer.bench.measure import timed
from eeinfer.bench.reporting.report import Overhead
from eeinfer.bench.sweep.grids import Grid
from eeinfer.bench.sweep.outputs import all_outputs
from eeinfer.bench.sweep.points import sweep
from eeinfer.bench.timing.latency import NEVER
from eeinfer.errors import InputError
from eeinfer.loading import load
from eeinfer.progress import Progress, silent
from eeinfer.rule import as_taus, leaves

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Paying:
    """What each exit costs and spares, measured with all of them in place."""

    keep: tuple[int, ...]  # the exits that pay together, the last one among them
    session_ms: tuple[float, ...]  # E times of the network cut at each exit, without heads before it
    cost_ms: tuple[float, ...]  # E times that each exit adds for those that pass by it
    before_ms: float  # predicted mean per image with all exits
    after_ms: float  # and with those that are kept


def exits_that_pay(
    bundle: str | os.PathLike[str],
    images: Any,
    labels: Array,
    progress: Progress = silent,
    *,
    threads: int | None = None,
    timing: BenchConfig | None = None,
) -> Paying:
    """Measure what each exit costs at the bundle's own thresholds, and return those worth keeping.

    Args:
        bundle: the .eeb folder.
        images: as `eeinfer.bench.measure`.
        labels: [N].
        progress: told what is being done.
        threads: per session; None leaves it to the runtime.
        timing: how; None takes a few seconds for it.

    Raises:
        InputError: an exit could not be timed on its own, because no image of the sample can leave there.
    """
    with load(bundle, threads=threads) as engine:
        manifest = engine.manifest
        known = check_data(images, labels, len(manifest.classes))
        rows = np.arange(len(known))
        outputs = all_outputs(engine, images, known, rows, progress)
        settings = timing or BenchConfig(threads=threads, min_seconds=2.0, max_seconds=20.0)
        taus = np.array([engine.tau])
        grid = Grid(family="linspace", points=np.arange(1), taus=taus)
        costs = [segment.cumulative_flops for segment in manifest.segments]
        swept = sweep(outputs.scores, outputs.predictions, known, costs, taus)
        _, latency = timed(engine, images, rows, outputs, grid, swept, settings, progress, None)
    session, cost = _session_and_cost([row for row in latency.overheads if row.name != NEVER], len(costs))
    return worth_keeping(outputs.scores, taus[0], session, cost)


def _session_and_cost(pairs: Sequence[Overhead], exits: int) -> tuple[Array, Array]:
    """Return the times [E] of the network cut at each exit, and what each exit adds for those that pass by it."""
    if len(pairs) < exits:
        raise InputError(
            "no image can be made to leave at some exit, so it cannot be timed; name the exits with --keep"
        )
    session = np.array([row.session_ms for row in pairs])
    extra = np.array([row.cascade_ms for row in pairs]) - session
    return session, np.maximum(np.diff(extra, append=extra[-1]), 0)


def worth_keeping(scores: Array, taus: Array, session_ms: Array, cost_ms: Array) -> Paying:
    """Drop exits one by one, always the one without which the mean time falls most, until it falls no more.

    Args:
        scores: [N, E].
        taus: [E].
        session_ms: [E] of the network cut at each exit.
        cost_ms: [E] that each exit adds for rows that go on behind it.
    """
    exits = scores.shape[1]
    keep = list(range(exits))
    before = best = mean_ms(scores, taus, session_ms, cost_ms, keep)
    while len(keep) > 1:
        without = {k: mean_ms(scores, taus, session_ms, cost_ms, [j for j in keep if j != k]) for k in keep[:-1]}
        dropped = min(without, key=lambda k: without[k])
        if without[dropped] >= best:
            break
        best = without[dropped]
        keep.remove(dropped)
    return Paying(
        keep=tuple(keep),
        session_ms=tuple(session_ms.tolist()),
        cost_ms=tuple(cost_ms.tolist()),
        before_ms=before,
        after_ms=best,
    )


def mean_ms(scores: Array, taus: Array, session_ms: Array, cost_ms: Array, keep: list[int]) -> float:
    """Return the mean time of a row with the exits ``keep``: the cut network's, and what each exit passed by adds."""
    passes = leaves(scores[:, keep], as_taus(taus, scores.shape[1])[keep])
    passes[:, -1] = True
    passed = np.concatenate([[0.0], np.cumsum(cost_ms[keep])[:-1]])
    times = session_ms[keep] + passed
    return float(times[passes.argmax(axis=1)].mean())

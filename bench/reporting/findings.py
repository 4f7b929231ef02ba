"""From arrays and milliseconds to the rows of a report."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import accuracy
from eeinfer.bench.config import BenchConfig
from eeinfer.bench.reporting.report import BreakEven, Held, Network, Own, Settings, Threshold
from eeinfer.bench.reporting.verdict import break_even, headline_index, saved_ratio
from eeinfer.bench.sweep.grids import Grid
from eeinfer.bench.sweep.outputs import Outputs
from eeinfer.bench.sweep.points import Sweep
from eeinfer.bench.timing.clock import Timing, summarise
from eeinfer.bench.timing.latency import NEVER, Latency, tau_name
from eeinfer.bench.timing.networks import ALL_EXITS, STATIC, cut_name
from eeinfer.bundle.manifest import Manifest
from eeinfer.thresholds.split import halves

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """Everything a measurement produced, before it is put in order."""

    manifest: Manifest
    config: BenchConfig
    outputs: Outputs
    grid: Grid  # in the order of cost, as `swept`
    swept: Sweep
    own: tuple[Array, Sweep] | None = None  # further thresholds [E], timed behind those of the grid
    picks: Array  # [n] positions of the timed images among the rows of ``outputs``
    latency: Latency

    @cached_property
    def costs(self) -> list[int]:
        """FLOPs of leaving at each exit."""
        return [segment.cumulative_flops for segment in self.manifest.segments]

    def settings(self, seconds: float) -> Settings:
        """What was asked for, and how many rounds came of it."""
        config = self.config
        return Settings(
            batch=config.batch,
            rounds=len(self.latency.times_ms[STATIC]),
            runs=len(np.unique(self.latency.runs[: len(self.grid.points)])),
            warmup=config.warmup,
            seed=config.seed,
            tolerance=config.tolerance,
            seconds=seconds,
        )

    @cached_property
    def static(self) -> Network:
        """The network without early exits; it answers as the last exit only where that reads no heads."""
        network = self._network(STATIC, len(self.costs) - 1, self.manifest.flops.static)
        right = accuracy(self.outputs.static, self.outputs.labels)
        return msgspec.structs.replace(network, accuracy=right)

    @cached_property
    def all_exits(self) -> Network:
        """Every exit computed in one session."""
        return self._network(ALL_EXITS, len(self.costs) - 1, self.costs[-1])

    @cached_property
    def cuts(self) -> tuple[Network, ...]:
        """The network cut at each early exit, and at the last one where the static network is less than that."""
        timed = [k for k in range(len(self.costs)) if cut_name(k) in self.latency.times_ms]
        return tuple(self._network(cut_name(k), k, self.costs[k]) for k in timed)

    @cached_property
    def headline(self) -> int:
        """Index of the threshold the report stands for, chosen on one half of the images."""
        right, static, (choosing, _) = self._right, self._static_right, self._halves
        return headline_index(right[:, choosing].mean(axis=1), static[choosing].mean(), self.config.tolerance)

    def held(self) -> Held:
        """What the headline does on the half that did not choose it."""
        choosing, others = self._halves
        return Held(
            chosen_on=len(choosing),
            images=len(others),
            accuracy=float(self._right[self.headline, others].mean()),
            static_accuracy=float(self._static_right[others].mean()),
            mean_flops=float(np.asarray(self.costs)[self.swept.exits[self.headline, others]].mean()),
        )

    @cached_property
    def _halves(self) -> tuple[Array, Array]:
        """Positions of the images that choose the headline, and of those that it is told on: all for one image."""
        count = len(self.outputs.labels)
        return halves(count, self.config.seed) if count > 1 else (np.arange(count), np.arange(count))

    @cached_property
    def _right(self) -> Array:
        """Whether each threshold answers each image right, [T, N]."""
        rows = np.arange(len(self.outputs.labels))
        return np.stack([self.outputs.predictions[rows, left] == self.outputs.labels for left in self.swept.exits])

    @cached_property
    def _static_right(self) -> Array:
        return np.asarray(self.outputs.static == self.outputs.labels)

    def thresholds(self) -> tuple[Threshold, ...]:
        """One row per operating point."""
        return tuple(self._threshold(t, self.grid, self.swept, t) for t in range(len(self.grid.points)))

    def own_point(self, promise: str | None, calls_ms: Array, *, seen: bool) -> Own:
        """What the bundle's own thresholds do, ``calls_ms`` [n] of them called once for each of many images."""
        assert self.own is not None
        taus, swept = self.own
        grid = Grid(family=self.grid.family, points=taus[:-1].mean(keepdims=True), taus=taus[np.newaxis])
        row = self._threshold(len(self.grid.points), grid, swept, 0)
        return Own(promise=promise, seen=seen, threshold=row, calls=summarise(calls_ms[np.newaxis]))

    def break_even(self) -> tuple[BreakEven, ...]:
        """Every exit weighed at the headline threshold; nothing where an exit could not be timed on its own."""
        rows = [row for row in self.latency.overheads if row.name != NEVER]
        if len(rows) < len(self.costs):
            return ()
        cascade, session = [row.cascade_ms for row in rows], [row.session_ms for row in rows]
        return tuple(break_even(self.outputs.scores, self.grid.taus[self.headline], cascade, session))

    def _timing(self, variant: str) -> Timing:
        return summarise(self.latency.times_ms[variant])

    def _network(self, name: str, exit: int, flops: int) -> Network:
        right = accuracy(self.outputs.predictions[:, exit], self.outputs.labels)
        return Network(name=name, exit=exit, accuracy=right, flops=flops, timing=self._timing(name))

    def _threshold(self, timed: int, grid: Grid, swept: Sweep, t: int) -> Threshold:
        """Return row t of a sweep, timed as the threshold with this number."""
        static, run = self.static, tau_name(int(self.latency.runs[timed]))
        timing = self._timing(run)
        expected = swept.exits[t, self.picks]
        timed_flops = float(np.asarray(self.costs)[expected].mean())
        return Threshold(
            point=float(grid.points[t]),
            taus=tuple(grid.taus[t].tolist()),
            accuracy=float(swept.accuracy[t]),
            mean_flops=float(swept.mean_flops[t]),
            shares=tuple(swept.shares[t].tolist()),
            timing=timing,
            timed_flops=timed_flops,
            agreement=float((self.latency.left[run] == expected).mean()),
            speedup=static.timing.mean_ms / timing.mean_ms,
            saved_ratio=saved_ratio(timing.mean_ms, static.timing.mean_ms, timed_flops, static.flops),
        )

"""The measurement: one pass over the test set for every exit's answers, then the clock, then what both say."""

import os
from datetime import datetime, timezone
from time import perf_counter
from typing import Any

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from eeinfer import samples
from eeinfer.arrays import take
from eeinfer.bench.config import BenchConfig
from eeinfer.bench.data import check_data
from eeinfer.bench.environment import Environment, load_average, of_engine
from eeinfer.bench.own import certified_on, own_calls_ms, own_sweep, promise_of
from eeinfer.bench.reporting.findings import Findings
from eeinfer.bench.reporting.report import BundleFacts, DataFacts, FlopsFacts, GridFacts, Own, Report
from eeinfer.bench.sweep.budget import RULES
from eeinfer.bench.sweep.grids import BUDGET, PARAMETERS, Grid, family_for, make_grid
from eeinfer.bench.sweep.outputs import Outputs, all_outputs
from eeinfer.bench.sweep.points import Sweep, sweep
from eeinfer.bench.timing.cascade import CascadeCalls, as_given
from eeinfer.bench.timing.energy import Energy
from eeinfer.bench.timing.gpu import GpuSide
from eeinfer.bench.timing.latency import Latency, time_everything
from eeinfer.bench.timing.networks import fixed_networks
from eeinfer.bench.timing.sample import systematic_sample
from eeinfer.bench.timing.sizing import fit, path_ms, shared_runs
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import Manifest
from eeinfer.engine import Engine
from eeinfer.loading import load
from eeinfer.preprocess import prepare_inputs
from eeinfer.progress import Progress, silent
from eeinfer.thresholds.split import halves

Array = NDArray[Any]


def measure(
    bundle: str | os.PathLike[str],
    images: Any,
    labels: Array,
    config: BenchConfig | None = None,
    progress: Progress = silent,
    *,
    data: str = "images",
) -> Report:
    """Measure accuracy, FLOPs and latency of a bundle over a grid of thresholds.

    Where thresholds are fitted (grid "budget"), they are on a random half of the images, and everything reported is
    of the other half.

    Args:
        bundle: the .eeb folder.
        images: N images that the engine takes: an array with the images on axis 0, a sequence of single ones, or a
            mapping with one array for each input.
        labels: [N] class indices.
        config: how; None takes the defaults.
        progress: told what is being done, how many steps of it are done and how many are planned.
        data: what the report calls the images.

    Raises:
        BundleError: the bundle is missing or damaged.
        DataError: images and labels do not belong together or to the bundle.
        InputError: fewer images than one batch, or thresholds of a kind that says nothing about the bundle's score.
        ConfigError: no backend works on the device.
        DependencyError: onnx or onnxruntime is missing.
    """
    config, began, load_before = config or BenchConfig(), perf_counter(), load_average()
    with load(
        bundle, device=config.device, threads=config.threads, backend=config.backend, options=config.options
    ) as engine:
        manifest = engine.manifest
        side = None if config.device == "cpu" else GpuSide(engine, config)
        labels = check_data(images, labels, len(manifest.classes))
        rows = _rows(len(labels), config)
        outputs = all_outputs(engine, images, labels, rows, progress)
        grid, kept = _grid(manifest, outputs, config)
        calibration, rows, outputs = len(rows) - len(kept), rows[kept], outputs.part(kept)
        grid, swept = _cheapest_first(grid, outputs, manifest)
        own = own_sweep(engine, outputs)
        further = grid.plus(own[0]), swept.plus(own[1])
        picks, latency = timed(engine, images, rows, outputs, *further, config, progress, side)
        own_ms = own_calls_ms(engine, images, rows, config, progress)
        gpu, named = None if side is None else side.facts(), config.backend is not None
        where = of_engine(engine, load_before, gpu, named=named, threads=config.threads)
        found = Findings(
            manifest=manifest,
            config=config,
            outputs=outputs,
            grid=grid,
            swept=swept,
            own=own,
            picks=picks,
            latency=latency,
        )
        point = found.own_point(promise_of(engine), own_ms, seen=certified_on(engine, images, labels, data))
        energy = None if side is None else side.energy(engine, grid.taus[found.headline], progress)
    return _report(
        found,
        own=point,
        bundle=bundle_facts(engine.bundle),
        data=DataFacts(name=data, images=len(rows), calibration=calibration, timed=len(picks)),
        environment=where,
        seconds=perf_counter() - began,
        energy=energy,
    )


def _report(
    found: Findings,
    *,
    own: Own,
    bundle: BundleFacts,
    data: DataFacts,
    environment: Environment,
    seconds: float,
    energy: Energy | None,
) -> Report:
    flops, grid, swept = found.manifest.flops, found.grid, found.swept
    return Report(
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        bundle=bundle,
        data=data,
        environment=environment,
        settings=found.settings(seconds),
        flops=FlopsFacts(convention=flops.convention, uncounted=flops.uncounted),
        grid=GridFacts(family=grid.family, parameter=PARAMETERS[grid.family]),
        static=found.static,
        all_exits=found.all_exits,
        cuts=found.cuts,
        thresholds=found.thresholds(),
        own=own,
        headline=found.headline,
        held=found.held(),
        overheads=found.latency.overheads,
        break_even=found.break_even(),
        budgets={
            name: tuple(rule(grid.points, swept.accuracy, swept.mean_flops, flops.static))
            for name, rule in RULES.items()
        },
        energy=energy or UNSET,
    )


def _grid(manifest: Manifest, outputs: Outputs, config: BenchConfig) -> tuple[Grid, Array]:
    """Make the thresholds; return the positions of the images that are left to report on as well."""
    family = family_for(config.grid, manifest.score, outputs.scores)
    fitted = kept = np.arange(len(outputs.labels))
    if family == BUDGET:
        fitted, kept = halves(len(outputs.labels), config.seed)
    scores, classes = outputs.scores[fitted], len(manifest.classes)
    return make_grid(family, scores, count=config.thresholds, classes=classes), kept


def _cheapest_first(grid: Grid, outputs: Outputs, manifest: Manifest) -> tuple[Grid, Sweep]:
    swept = sweep(outputs.scores, outputs.predictions, outputs.labels, _costs(manifest), grid.taus)
    order = swept.by_cost()
    return grid.part(order), swept.part(order)


def _costs(manifest: Manifest) -> list[int]:
    return [segment.cumulative_flops for segment in manifest.segments]


def _rows(count: int, config: BenchConfig) -> Array:
    """The images behind the accuracies: all, or a random part of them in their own order."""
    if config.max_images is None or config.max_images >= count:
        return np.arange(count)
    return np.sort(np.random.default_rng(config.seed).choice(count, config.max_images, replace=False))


def timed(
    engine: Engine,
    images: Any,
    rows: Array,
    outputs: Outputs,
    grid: Grid,
    swept: Sweep,
    config: BenchConfig,
    progress: Progress,
    side: GpuSide | None,
) -> tuple[Array, Latency]:
    """Draw the sample and time everything on it; return its positions among ``rows`` and the times."""
    progress("choosing the timed images", 0, 1)
    manifest = engine.manifest
    first = prepare_inputs(take(images, rows[np.arange(config.batch) % len(rows)]), manifest)
    size = fit(config, swept.shares, path_ms(engine, as_given(first)), len(rows))
    difficulty = np.asarray(_costs(manifest))[swept.exits].mean(axis=0)
    picks = systematic_sample(difficulty, size.batches * config.batch, config.seed)
    runs = shared_runs(swept.exits[:, picks]) if size.shared else np.arange(len(grid.taus))
    batches = [prepare_inputs(take(images, rows[part]), manifest) for part in np.split(picks, size.batches)]
    if side is None:
        networks = fixed_networks(engine.bundle, batches, engine.threads)
    else:
        networks = side.networks([batch[manifest.input.tensor.name] for batch in batches])
    cascade = CascadeCalls(engine, batches)
    latency = time_everything(cascade, networks, outputs.scores[picks], grid.taus, runs, config, size, progress)
    return picks, latency if side is None else side.with_device_times(latency, progress)


def bundle_facts(bundle: Bundle) -> BundleFacts:
    """Say which network a bundle holds."""
    manifest = bundle.manifest
    return BundleFacts(
        name=manifest.name,
        folder=None if samples.is_bundle_path(bundle.path) else bundle.path.name,
        sha256=bundle.fingerprint,
        score=manifest.score,
        modules=tuple(segment.module for segment in manifest.segments),
        inputs={input.tensor.name: input.tensor.shape for input in manifest.inputs},
        classes=len(manifest.classes),
    )

"""From a checkpoint to the record of its run: exported, answered by every exit, timed."""

import dataclasses
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from eeinfer.bench.config import BenchConfig
from eeinfer.bench.measure import measure
from eeinfer.bench.reporting.report import Report
from eeinfer.bench.study.records import Curve, EpochFacts, PhaseCost, RunRecord, Times
from eeinfer.bench.study.runs import key_of, settings_of
from eeinfer.bench.sweep.grids import Grid, family_for, make_grid
from eeinfer.bench.sweep.outputs import Outputs, all_outputs
from eeinfer.bench.sweep.points import sweep
from eeinfer.bundle.manifest import Manifest
from eeinfer.export.checkpoint import export_checkpoint
from eeinfer.loading import load
from eeinfer.progress import Progress
from eeinfer.training import Checkpoint, TrainConfig, load_checkpoint
from eeinfer.training.calibration.observe import Images
from eeinfer.training.data.dataset import Split
from eeinfer.training.regimes import phase_string

THRESHOLDS = 100  # as in the paper's protocol (METHODS 4.9)
# Accuracies come from a pass of our own over all images; what is asked of bench here is the clock.
_CLOCK = BenchConfig(
    thresholds=THRESHOLDS,
    max_images=1000,
    latency_samples=20,
    rounds=1,
    min_seconds=0,
    max_seconds=4,
    warmup=2,
    pairs=12,
    threads=1,
)
# Afterwards there is time, and what disturbs is short: more pairs, more rounds.
_LONGER = dataclasses.replace(_CLOCK, latency_samples=60, rounds=3, max_seconds=8, pairs=60)


def measured(checkpoint: Path, config: TrainConfig, seconds: float, progress: Progress) -> RunRecord:
    """Export and measure what a run has trained; the bundle is left beside the checkpoint.

    Args:
        checkpoint: of the finished run of `config`.
        config: the run; its data.root says where the images are.
        seconds: what training took.
        progress: told of every step.
    """
    trained, began = load_checkpoint(checkpoint), datetime.now(timezone.utc)
    bundle = export_checkpoint(checkpoint, root=config.data.root, force=True, progress=progress)
    feed = Images.of(trained, config.data.root).feed
    with load(bundle, threads=1) as engine:
        manifest = engine.manifest
        test, validation = (
            all_outputs(engine, split.images, split.labels, np.arange(len(split)), progress)
            for split in (feed.test, feed.validation)
        )
    family = family_for("auto", manifest.score, validation.scores)
    grid = make_grid(family, validation.scores, count=THRESHOLDS, classes=len(manifest.classes))
    report = measure(bundle, feed.test.images, feed.test.labels, _CLOCK, progress, data=config.data.name)
    return RunRecord(
        key=key_of(config),
        settings=settings_of(config),
        phases=phase_string(config.regime),
        modules=trained.exit_modules,
        classes=len(trained.classes),
        train_images=len(feed.train),
        static_flops=manifest.flops.static,
        exit_flops=_costs(manifest),
        family=family,
        points=tuple(map(float, grid.points)),
        taus=tuple(map(float, grid.taus[:, 0])),
        test=curve(test, grid, _costs(manifest)),
        validation=curve(validation, grid, _costs(manifest)),
        costs=phase_costs(trained, manifest, feed.train),
        epochs=tuple(map(_epoch, trained.provenance["epochs"])),
        times=times(report, tuple(map(float, grid.points))),
        seconds=seconds + (datetime.now(timezone.utc) - began).total_seconds(),
        created=began.isoformat(timespec="seconds"),
        versions=trained.provenance["versions"],
    )


def timed_again(record: RunRecord, checkpoint: Path, root: str | None, progress: Progress) -> RunRecord:
    """Return the record of a finished run with new times; call it when nothing else computes."""
    trained = load_checkpoint(checkpoint)
    bundle = export_checkpoint(checkpoint, root=root, force=True, progress=progress)
    test = Images.of(trained, root).feed.test
    report = measure(bundle, test.images, test.labels, _LONGER, progress, data=trained.config.data.name)
    return replace(record, times=replace(times(report, record.points), alone=True))


def curve(outputs: Outputs, grid: Grid, costs: tuple[int, ...]) -> Curve:
    """Count what every threshold of `grid` does to the images behind `outputs`."""
    swept, count = sweep(outputs.scores, outputs.predictions, outputs.labels, costs, grid.taus), len(outputs.labels)
    return Curve(
        images=count,
        right=_whole(swept.accuracy * count),
        left=tuple(_whole(shares * count) for shares in swept.shares),
        exits_right=_whole((outputs.predictions == outputs.labels[:, np.newaxis]).sum(axis=0)),
        static_right=int((outputs.static == outputs.labels).sum()),
    )


def phase_costs(trained: Checkpoint, manifest: Manifest, train: Split) -> tuple[PhaseCost, ...]:
    """Say what each phase took; its FLOPs are those of the images that were seen, a backward pass being two forward.

    What does not learn is run forward alone; heads do not run in phase 1.
    """
    static, heads = manifest.flops.static, max(_costs(manifest)[-1] - manifest.flops.static, 0)
    each = {1: 3 * static, 2: 3 * (static + heads), 3: static + 3 * heads}
    batch = trained.config.data.batch_size
    seen = max(len(train) // batch, 1) * min(batch, len(train))
    return tuple(
        PhaseCost(
            phase=summary["phase"],
            epochs=summary["epochs"],
            best_epoch=summary["best_epoch"],
            seconds=summary["seconds"],
            flops=float(each[summary["phase"]] * seen * summary["epochs"]),
            shared=summary["phase"] == 1,
        )
        for summary in trained.provenance["phases"]
    )


def times(report: Report, points: tuple[float, ...]) -> Times:
    """Take the milliseconds out of a measurement, in the order of `points` [T]."""
    by_point = {threshold.point: threshold.timing for threshold in report.thresholds}
    timings = [by_point[point] for point in points]
    leaving = {found.exit: found.cascade_ms for found in reversed(report.overheads)}  # the first of an exit counts
    return Times(
        mean_ms=tuple(round(timing.mean_ms, 4) for timing in timings),
        median_ms=tuple(round(timing.median_ms, 4) for timing in timings),
        static_ms=report.static.timing.mean_ms,
        all_exits_ms=report.all_exits.timing.mean_ms,
        exits_ms=tuple(leaving.get(exit) for exit in range(len(report.bundle.modules))),
        images=report.data.timed,
        environment=report.environment,
    )


def _epoch(record: dict[str, Any]) -> EpochFacts:
    return EpochFacts(
        phase=record["phase"],
        epoch=record["epoch"],
        loss=record["loss"],
        val_accuracy=tuple(record["val_accuracy"]),
        lr=record["lr"],
    )


def _costs(manifest: Manifest) -> tuple[int, ...]:
    return tuple(segment.cumulative_flops for segment in manifest.segments)


def _whole(values: NDArray[Any]) -> tuple[int, ...]:
    return tuple(np.rint(values).astype(int).tolist())

"""Thresholds of a bundle that keep a promise: every exit's answers, the choice, the clock, and the certificate."""

import os
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import count_rows
from eeinfer.bench.config import BenchConfig
from eeinfer.bench.data import check_data
from eeinfer.bench.environment import processor
from eeinfer.bench.measure import timed
from eeinfer.bench.reporting.findings import Findings
from eeinfer.bench.reporting.report import BreakEven, Network, Threshold
from eeinfer.bench.reporting.verdict import break_even
from eeinfer.bench.sweep.grids import Grid
from eeinfer.bench.sweep.outputs import Outputs, all_outputs
from eeinfer.bench.sweep.points import sweep
from eeinfer.bench.thresholds.clock import images_in_time, times_ms
from eeinfer.bench.thresholds.config import ThresholdsConfig
from eeinfer.bench.thresholds.images import data_digest
from eeinfer.bench.timing.latency import NEVER
from eeinfer.bundle.certificate import BUDGET_FLOPS, BUDGET_MS, Certificate, files_digest
from eeinfer.engine import Engine
from eeinfer.errors import InputError
from eeinfer.loading import load
from eeinfer.progress import Progress, silent
from eeinfer.thresholds import Choice, Outcome, choose
from eeinfer.thresholds.promises import CONSISTENCY, MAX_LOSS, MIN_ACCURACY

Array = NDArray[Any]

CERTIFIED, BY_EYE, NEVER_EARLY = "certified", "by eye", "never early"


@dataclass(frozen=True, kw_only=True)
class Point:
    """Thresholds, what they do to the images that certify, and what they took on this machine."""

    name: str  # CERTIFIED, BY_EYE or NEVER_EARLY
    outcome: Outcome
    flops: float  # mean per image
    timing: Threshold | None  # on a sample of the images


@dataclass(frozen=True, kw_only=True)
class Found:
    """The answer."""

    config: ThresholdsConfig
    data: str
    choice: Choice
    certificate: Certificate | None  # None: no thresholds are shown to keep the promise
    labelled: bool
    points: tuple[Point, ...]
    static: Network  # without early exits
    weighed: tuple[BreakEven, ...]  # every exit but the last, at the certified thresholds or else those by eye


def find_thresholds(
    bundle: str | os.PathLike[str],
    images: Any,
    labels: Array | None,
    config: ThresholdsConfig,
    progress: Progress = silent,
    *,
    data: str = "images",
    timing: BenchConfig | None = None,
) -> Found:
    """Find the fastest thresholds that keep a promise, on images that had no part in training or calibration.

    Args:
        bundle: the .eeb folder; it is left as it is.
        images: as `eeinfer.bench.measure`.
        labels: [N]; None where they are not known.
        config: the promise.
        progress: told what is being done.
        data: what the images are called.
        timing: how the answer is timed; None takes a few seconds for it.

    Raises:
        BundleError: the bundle is missing or damaged.
        DataError: images and labels do not belong together or to the bundle.
        InputError: a promise that nothing can keep, labels of one class, scores that are not finite.
        DependencyError: onnx or onnxruntime is missing.
    """
    with load(bundle, threads=config.threads) as engine:
        return _found(engine, images, labels, config, progress, data, timing)


def _found(
    engine: Engine,
    images: Any,
    labels: Array | None,
    config: ThresholdsConfig,
    progress: Progress,
    data: str,
    timing: BenchConfig | None,
) -> Found:
    count, manifest = count_rows(images), engine.manifest
    known = check_data(images, np.zeros(count, np.int64) if labels is None else labels, len(manifest.classes))
    rows = _rows(engine, images, count, config)
    outputs = all_outputs(engine, images, known, rows, progress)
    choice = _choice(engine, images, rows, outputs, config, progress, labelled=labels is not None)
    chosen = _named(choice)
    settings = timing or BenchConfig(threads=config.threads, seed=config.seed, min_seconds=2.0, max_seconds=10.0)
    taus = np.array([one.taus for one in chosen.values()], np.float64)
    findings = timed_taus(engine, images, rows, outputs, taus, settings, progress)
    digest = data_digest(images, rows, None if labels is None else known[rows], manifest)
    costs = np.array([segment.cumulative_flops for segment in manifest.segments])
    return Found(
        config=config,
        data=data,
        choice=choice,
        certificate=_certificate(choice, config, data, digest, files_digest(manifest.files)),
        labelled=labels is not None,
        points=tuple(
            Point(name=name, outcome=one, flops=float(np.dot(one.exits, costs) / sum(one.exits)), timing=row)
            for (name, one), row in zip(chosen.items(), findings.thresholds(), strict=True)
        ),
        static=findings.static,
        weighed=_weighed(findings, outputs),
    )


def _rows(engine: Engine, images: Any, count: int, config: ThresholdsConfig) -> Array:
    """All images, or as many as can be timed where that is what the promise is about."""
    if config.promise.kind != BUDGET_MS:
        return np.arange(count)
    most = images_in_time(engine, images, count, config.rounds, config.timing_seconds)
    return np.sort(np.random.default_rng(config.seed).choice(count, most, replace=False))


def _choice(
    engine: Engine,
    images: Any,
    rows: Array,
    outputs: Outputs,
    config: ThresholdsConfig,
    progress: Progress,
    *,
    labelled: bool,
) -> Choice:
    promise, manifest = config.promise, engine.manifest
    costs: Array = np.array([segment.cumulative_flops for segment in manifest.segments], np.float64)
    if promise.kind == BUDGET_MS:
        costs = times_ms(engine, images, rows, config.rounds, progress)
    value = promise.value * (manifest.flops.static if promise.kind == BUDGET_FLOPS else 1)
    _affordable(promise.kind, promise.value, value, costs, manifest.flops.static)
    progress("choosing thresholds", 0, 1)
    return choose(
        outputs.scores,
        outputs.predictions,
        outputs.labels if labelled else None,
        max_loss=value if promise.kind == MAX_LOSS else None,
        min_accuracy=value if promise.kind == MIN_ACCURACY else None,
        consistency=value if promise.kind == CONSISTENCY else None,
        max_cost=value if promise.kind in (BUDGET_FLOPS, BUDGET_MS) else None,
        percentile=promise.percentile,
        confidence=config.confidence,
        in_expectation=config.in_expectation,
        per_exit=config.per_exit,
        full=outputs.static,
        costs=costs,
        seed=config.seed,
    )


def _affordable(kind: str, wanted: float, value: float, costs: Array, static: int) -> None:
    """Refuse a budget below the first exit's cost, in the words of the budget."""
    first = float(np.atleast_2d(costs)[:, 0].mean())
    if kind == BUDGET_FLOPS and first > value:
        raise InputError(
            f"budget_flops is {100 * wanted:.4g} % of the static network's FLOPs, and leaving at the first exit takes "
            f"{100 * first / static:.4g} % already; give more than that"
        )
    if kind == BUDGET_MS and first > value:
        raise InputError(
            f"budget_ms is {wanted:g} ms, and leaving at the first exit takes {first:.3g} ms here already; give more "
            "than that"
        )


def _named(choice: Choice) -> dict[str, Outcome]:
    found = {CERTIFIED: choice.found, BY_EYE: choice.by_eye, NEVER_EARLY: choice.never_early}
    return {name: one for name, one in found.items() if one is not None}


def timed_taus(
    engine: Engine,
    images: Any,
    rows: Array,
    outputs: Outputs,
    taus: Array,
    settings: BenchConfig,
    progress: Progress,
) -> Findings:
    """Run thresholds [T, E] for real, beside the network without early exits, on a sample of ``rows``."""
    manifest = engine.manifest
    grid = Grid(family="linspace", points=np.arange(len(taus)), taus=taus)
    costs = [segment.cumulative_flops for segment in manifest.segments]
    swept = sweep(outputs.scores, outputs.predictions, outputs.labels, costs, taus)
    picks, latency = timed(engine, images, rows, outputs, grid, swept, settings, progress, None)
    return Findings(
        manifest=manifest, config=settings, outputs=outputs, grid=grid, swept=swept, picks=picks, latency=latency
    )


def _weighed(findings: Findings, outputs: Outputs) -> tuple[BreakEven, ...]:
    """Weigh each exit at the first of the thresholds; nothing where one could not be timed on its own."""
    rows = [row for row in findings.latency.overheads if row.name != NEVER]
    if len(rows) < outputs.scores.shape[1]:
        return ()
    cascade, session = [row.cascade_ms for row in rows], [row.session_ms for row in rows]
    return tuple(break_even(outputs.scores, findings.grid.taus[0], cascade, session))


def _certificate(
    choice: Choice, config: ThresholdsConfig, data: str, digest: str, files_sha256: str
) -> Certificate | None:
    found = choice.found
    if found is None:
        return None
    return Certificate(
        promise=config.promise,
        limit=choice.limit,
        confidence=choice.confidence,
        level=choice.level,
        method=choice.method,
        bound=choice.bound,
        loss=found.loss,
        upper=choice.upper,
        taus=found.taus,
        exits=found.exits,
        seed=choice.seed,
        rows=choice.rows,
        certified_on=choice.certified_on,
        data=data,
        data_sha256=digest,
        files_sha256=files_sha256,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        machine=processor() if config.promise.kind == BUDGET_MS else None,
    )

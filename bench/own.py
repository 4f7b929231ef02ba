"""The bundle's own thresholds, which a certificate may speak of, beside those of the grid. E exits."""

from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import take
from eeinfer.bench.config import BenchConfig
from eeinfer.bench.sweep.outputs import Outputs
from eeinfer.bench.sweep.points import Sweep, sweep
from eeinfer.bench.thresholds.images import data_digest
from eeinfer.bench.timing.cascade import as_given
from eeinfer.bench.timing.clock import BLOCK, no_collection
from eeinfer.engine import Engine
from eeinfer.preprocess import prepare_inputs
from eeinfer.progress import Progress

Array = NDArray[Any]


def own_sweep(engine: Engine, outputs: Outputs) -> tuple[Array, Sweep]:
    """Return the thresholds [E] and what they do."""
    taus = np.array(engine.tau, np.float64)
    costs = [segment.cumulative_flops for segment in engine.manifest.segments]
    return taus, sweep(outputs.scores, outputs.predictions, outputs.labels, costs, taus[np.newaxis])


def promise_of(engine: Engine) -> str | None:
    """What is certified of them, in words; None: nothing."""
    certificate = engine.certificate
    if certificate is None:
        return None
    confidence = certificate.confidence
    return f"{certificate.promise}, " + ("in expectation" if confidence is None else f"{100 * confidence:.4g} % sure")


def certified_on(engine: Engine, images: Any, labels: Array, data: str) -> bool:
    """Whether the certificate was made on these images, or on images of that name: then they chose thresholds."""
    certificate, every = engine.certificate, np.arange(len(labels))
    if certificate is None:
        return False
    if certificate.data == data or certificate.rows != len(labels):
        return certificate.data == data
    digests = (data_digest(images, every, known, engine.manifest) for known in (labels, None))
    return certificate.data_sha256 in digests


def own_calls_ms(engine: Engine, images: Any, rows: Array, config: BenchConfig, progress: Progress) -> Array:
    """Return the milliseconds [n] of one call for each of many images, or batches, in random order.

    A percentile is about the rare image that goes further than others, which a small sample may lack or have too often.
    It takes half of ``config.max_seconds`` at most.
    """
    order = np.random.default_rng(config.seed).permutation(rows)
    batches = np.split(order[: len(order) // config.batch * config.batch], max(1, len(order) // config.batch))
    times: list[float] = []
    ends = perf_counter() + config.max_seconds / 2
    with no_collection():
        for start in range(0, len(batches), BLOCK):
            progress("the bundle's own thresholds, timed", start, len(batches))
            given = [
                as_given(prepare_inputs(take(images, part), engine.manifest)) for part in batches[start : start + BLOCK]
            ]
            engine(given[-1])  # what preparing left in the caches is not these calls' to pay for
            for batch in given:
                began = perf_counter()
                engine(batch)
                times.append(1e3 * (perf_counter() - began))
            if perf_counter() > ends:
                break
    progress("the bundle's own thresholds, timed", len(batches), len(batches))
    return np.array(times)

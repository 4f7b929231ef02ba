"""The table of what rows cost: every segment at some batch sizes, and taking rows out."""

from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.backends.base import Backend, Inputs
from eeinfer.bench.noise import noise
from eeinfer.bench.workers import messages
from eeinfer.bundle.layout import bytes_in_front
from eeinfer.bundle.manifest import Manifest

_MOVES = 30  # of which the quickest counts
_LEAST_MS = 1e-4  # that copies are taken to last: below that the clock says nothing
_AT_ONCE = 1e12  # bytes per millisecond where nothing is carried


def measure_costs(backend: Backend, manifest: Manifest, request: messages.Cost, row: tuple[int, ...]) -> messages.Costs:
    """Run every segment at every batch size, sizes taking turns, and move rows about.

    Args:
        backend: that runs them.
        manifest: of the bundle.
        request: which sizes, and how often.
        row: the sizes of a row of the input, which say how long its dynamic axes are.
    """
    inputs = _noise(manifest, max(2, *request.sizes), row)
    sizes = _affordable(backend, manifest, inputs, request)
    passes = [[_pass(backend, manifest, _first(inputs, size)) for size in sizes] for _ in range(request.passes)]
    ms = np.array(passes).min(axis=0)  # [sizes, E]; what else the machine does only ever adds
    move_ms, bytes_per_ms = _moving(backend, manifest, _first(inputs, max(2, sizes[-1])))
    return messages.Costs(
        sizes=sizes,
        segment_ms=tuple(tuple(float(time) for time in segment) for segment in ms.T),
        move_ms=move_ms,
        bytes_per_ms=bytes_per_ms,
    )


def _noise(manifest: Manifest, rows: int, row: tuple[int, ...]) -> Inputs:
    spec = manifest.input.tensor
    return {spec.name: noise(spec, rows, 0, sizes=row)}


def _first(inputs: Inputs, rows: int) -> Inputs:
    return {name: array[:rows] for name, array in inputs.items()}


def _affordable(backend: Backend, manifest: Manifest, inputs: Inputs, request: messages.Cost) -> tuple[int, ...]:
    """Warm every size up; stop at the first that takes too long."""
    sizes = []
    for size in request.sizes:
        sizes.append(size)
        _pass(backend, manifest, _first(inputs, size))
        if sum(_pass(backend, manifest, _first(inputs, size))) > request.size_seconds * 1e3:
            break
    return tuple(sizes)


def _pass(backend: Backend, manifest: Manifest, inputs: Inputs) -> list[float]:
    live, times = backend.start(inputs), []
    for segment in range(len(manifest.segments)):
        began = perf_counter()
        backend.run(segment, live)
        times.append((perf_counter() - began) * 1e3)
    backend.release(live)
    return times


def _moving(backend: Backend, manifest: Manifest, inputs: Inputs) -> tuple[float, float]:
    """Return milliseconds of a compaction that moves nothing, and bytes per millisecond of one that moves half."""
    in_front = bytes_in_front(manifest)
    segment, half = max(int(np.argmax(in_front)) - 1, 0), len(next(iter(inputs.values()))) // 2
    still = _compaction_ms(backend, inputs, segment, np.arange(half))
    moved = _compaction_ms(backend, inputs, segment, np.arange(half) + half)
    return still, half * max(in_front) / max(moved - still, _LEAST_MS) or _AT_ONCE


def _compaction_ms(backend: Backend, inputs: Inputs, segment: int, order: NDArray[Any]) -> float:
    """Return milliseconds of a compaction behind ``segment``; what the tensors hold does not matter."""
    times = []
    for _ in range(_MOVES):
        live = backend.start(inputs)
        backend.run(segment, live)
        began = perf_counter()
        live = backend.compact(live, order)
        times.append((perf_counter() - began) * 1e3)
        backend.release(live)
    return min(times)

"""What every segment takes at several batch sizes, measured while it is warmed up, and the sizes that follow."""

from time import perf_counter

import numpy as np

from eeinfer.backends.base import Inputs
from eeinfer.backends.row_costs import RowCosts
from eeinfer.bundle.layout import bytes_in_front
from eeinfer.bundle.manifest import Manifest
from eeinfer.steps import Steps

_FEWEST, _MOST = 3, 20  # rounds over all sizes
_SPENDS_MS = 400.0  # on rounds beyond the fewest
_NEAR_BEST = 1.08  # a batch is full where a row costs hardly more than in the best batch: more would only wait
_LARGE_MS = 2000.0  # a batch that takes longer is the last one that is measured


def measured(steps: Steps, manifest: Manifest, most: int) -> RowCosts:
    """Run batches of 1, 2, 4, ... up to ``most`` rows past every exit, and keep the quickest time of each segment.

    It is the warm-up too: buffers of these sizes are bound afterwards. Inputs with dynamic axes are as short as they
    may be. The sizes take turns, so that what disturbs the machine for a while does not make one of them look dear.
    """
    sizes: list[int] = []
    times: list[list[float]] = []
    for size in _doubling(most):
        sizes.append(size)
        times.append(_once(steps, _zeros(manifest, size), size))
        if sum(times[-1]) > _LARGE_MS:
            break
    for _ in range(_further_rounds(sum(map(sum, times)))):
        for place, size in enumerate(sizes):
            times[place] = list(map(min, times[place], _once(steps, _zeros(manifest, size), size)))
    return RowCosts(
        sizes=tuple(sizes),
        segment_ms=tuple(zip(*times, strict=True)),
        alive_bytes=tuple(bytes_in_front(manifest)),
    )


def _further_rounds(round_ms: float) -> int:
    return min(max(int(_SPENDS_MS / round_ms), _FEWEST - 1), _MOST - 1)


def full_sizes(costs: RowCosts, most: int) -> tuple[int, ...]:
    """Return for every segment the smallest batch in which a row costs about as little as in the best one."""
    return tuple(_full(costs, k, most) for k in range(len(costs.segment_ms)))


def _full(costs: RowCosts, k: int, most: int) -> int:
    per_row = {size: costs.ms(k, size) / size for size in range(1, most + 1)}
    best = min(per_row.values())
    return next(size for size, cost in per_row.items() if cost <= _NEAR_BEST * best)


def _doubling(most: int) -> list[int]:
    return sorted({most, *(2**power for power in range(most.bit_length()) if 2**power <= most)})


def _once(steps: Steps, inputs: Inputs, size: int) -> list[float]:
    batch, times = steps.start(inputs, list(range(size)), steps.never), []
    try:
        while len(batch):
            began = perf_counter()
            steps.step(batch)
            times.append((perf_counter() - began) * 1e3)
    finally:
        steps.end(batch)
    return times


def _zeros(manifest: Manifest, rows: int) -> Inputs:
    shortest = {name: axis.min for name, axis in manifest.axes.items()}
    tensors = (input.tensor for input in manifest.inputs)
    return {spec.name: np.zeros((rows, *spec.sizes(shortest)), spec.dtype) for spec in tensors}

"""One row that leaves at a given exit, timed in back-to-back pairs with something else."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np

from eeinfer.backends.base import Inputs
from eeinfer.bench.timing.cascade import as_given, forced
from eeinfer.bench.timing.clock import Array, Call, Pair, time_pairs
from eeinfer.bundle.manifest import Manifest

_WARM_UP = 20

Way: TypeAlias = Callable[..., object]  # an engine, or a method of one, that takes an image and `tau`


def one_row(manifest: Manifest) -> Inputs:
    """Return a row of noise; whole numbers are zeros, which every table of words has; dynamic axes are shortest."""
    draw, made = np.random.default_rng(0), {}
    for input in manifest.inputs:
        shape = [manifest.axes[size].min if isinstance(size, str) else size for size in input.tensor.shape]
        noise = draw.standard_normal((1, *shape)) if input.tensor.dtype.startswith("float") else np.zeros((1, *shape))
        made[input.tensor.name] = noise.astype(input.tensor.dtype)
    return made


def timed_leaving(
    ways: Mapping[str, Way], exits: int, row: Inputs, exit: int, beside: Mapping[str, Call], pairs: int, seconds: float
) -> dict[str, Array]:
    """Time each way of asking, the row leaving at ``exit``, against its call of ``beside``, all of them taking turns.

    Returns:
        For each way [n, 2] milliseconds of its call and of the one beside it.
    """
    taus = tuple(forced(exit, exits))
    timed = [
        Pair(name=name, subject=_asking(way, row, taus), reference=beside[name], batches=[0])
        for name, way in ways.items()
    ]
    for pair in timed:
        for _ in range(_WARM_UP):
            pair.subject(0)
            pair.reference(0)
    return time_pairs(timed, pairs, seconds, lambda done, planned: None)


def _asking(way: Way, row: Inputs, taus: tuple[float, ...]) -> Call:
    given = as_given(row)
    return lambda batch: way(given, tau=taus)

"""One row that leaves at a given exit, timed in back-to-back pairs with something else."""

from collections.abc import Mapping

import numpy as np

from eeinfer.backends.base import Inputs
from eeinfer.bench.timing.cascade import as_given, forced
from eeinfer.bench.timing.clock import Array, Call, Pair, time_pairs
from eeinfer.bundle.manifest import Manifest
from eeinfer.engine import Engine

_WARM_UP = 20


def one_row(manifest: Manifest) -> Inputs:
    """Return a row of noise; whole numbers are zeros, which every table of words has; dynamic axes are shortest."""
    draw, made = np.random.default_rng(0), {}
    for input in manifest.inputs:
        shape = [manifest.axes[size].min if isinstance(size, str) else size for size in input.tensor.shape]
        noise = draw.standard_normal((1, *shape)) if input.tensor.dtype.startswith("float") else np.zeros((1, *shape))
        made[input.tensor.name] = noise.astype(input.tensor.dtype)
    return made


def timed_leaving(
    engines: Mapping[str, Engine], row: Inputs, exit: int, beside: Mapping[str, Call], pairs: int, seconds: float
) -> dict[str, Array]:
    """Time each engine's calls that leave at ``exit`` against its call of ``beside``, all of them taking turns.

    Returns:
        For each engine [n, 2] milliseconds of its call and of the one beside it.
    """
    timed = [
        Pair(name=name, subject=_leaving(engine, row, exit), reference=beside[name], batches=[0])
        for name, engine in engines.items()
    ]
    for pair in timed:
        for _ in range(_WARM_UP):
            pair.subject(0)
            pair.reference(0)
    return time_pairs(timed, pairs, seconds, lambda done, planned: None)


def _leaving(engine: Engine, row: Inputs, exit: int) -> Call:
    given, taus = as_given(row), tuple(forced(exit, len(engine.manifest.segments)))
    return lambda batch: engine(given, tau=taus)

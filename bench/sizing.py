"""How many images can be timed in the time there is."""

from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.bench.cascade import forced
from eeinfer.bench.config import BenchConfig
from eeinfer.bench.timing import BLOCK
from eeinfer.engine import Engine
from eeinfer.errors import InputError

Array = NDArray[Any]

_FEW_IMAGES = 8  # a smaller sample says nothing
_TRIES = 5


def path_ms(engine: Engine, batch: Array) -> Array:
    """Return about the milliseconds [E] of leaving at each exit with all of ``batch``."""
    exits = len(engine.tau)
    return np.array([_least_ms(engine, batch, forced(k, exits)) for k in range(exits)])


def _least_ms(engine: Engine, batch: Array, tau: list[float]) -> float:
    """The least of a few: a disturbance now must not shrink the sample of all that follows."""
    times = []
    for _ in range(1 + _TRIES):
        begin = perf_counter()
        engine(batch, tau=tau)
        times.append(1e3 * (perf_counter() - begin))
    return min(times[1:])


def fit(config: BenchConfig, shares: Array, path: Array, images: int) -> tuple[int, int]:
    """Return how many batches to time and in how many rounds, so that `config.max_seconds` is kept where it can be.

    First the sample shrinks, then the rounds; below eight images in one round it takes the time it takes.

    Args:
        config: the wishes.
        shares: [T, E] of rows leaving at each exit, per threshold.
        path: [E] milliseconds of leaving at each exit with a whole batch.
        images: how many there are.

    Raises:
        InputError: not one batch of them.
    """
    most = min(max(config.latency_samples, config.batch), images) // config.batch
    if not most:
        raise InputError(f"batch is {config.batch} and there are {images} images; give a batch of {images} or less")
    least = min(most, -(-_FEW_IMAGES // config.batch))
    cascade_ms = float((shares @ path).sum())
    each = (cascade_ms + path.sum() + path[-1]) * (1 + 2 / min(most, BLOCK))  # fixed networks, untimed calls
    for rounds in (config.rounds, 1):
        affordable = int(1e3 * config.max_seconds / (rounds * each))
        if affordable >= least:
            return min(most, affordable), rounds
    return least, 1

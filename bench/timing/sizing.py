"""How many images can be timed in the time there is."""

from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.bench.config import BenchConfig
from eeinfer.bench.timing.cascade import forced
from eeinfer.bench.timing.clock import BLOCK
from eeinfer.engine import Engine
from eeinfer.errors import InputError
from eeinfer.preprocess import Given

Array = NDArray[Any]

_FEW_IMAGES = 8  # a smaller sample says nothing
_FEW_BATCHES = 4  # wished for at least, however large they are
_SLOW_MS = 5.0  # from here on a call is long enough to be a turn, and what its caches held before no longer matters
_TRIES = 5


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is timed."""

    batches: int  # of the sample
    rounds: int  # at least
    shared: bool  # whether thresholds that send every timed image the same way share one run
    turn: int  # calls of a variant in a row


def path_ms(engine: Engine, batch: Given) -> Array:
    """Return about the milliseconds [E] of leaving at each exit with all of ``batch``."""
    exits = len(engine.tau)
    return np.array([_least_ms(engine, batch, forced(k, exits)) for k in range(exits)])


def _least_ms(engine: Engine, batch: Given, tau: list[float]) -> float:
    """The least of a few: a disturbance now must not shrink the sample of all that follows."""
    times = []
    for _ in range(1 + _TRIES):
        begin = perf_counter()
        engine(batch, tau=tau)
        times.append(1e3 * (perf_counter() - begin))
    return min(times[1:])


def fit(config: BenchConfig, shares: Array, path: Array, images: int) -> Size:
    """Choose a size at which `config.max_seconds` is kept where it can be.

    First the sample shrinks; then thresholds that send every timed image the same way share one run; then there is
    one round; and below eight images it takes the time it takes.

    Args:
        config: the wishes.
        shares: [T, E] of rows leaving at each exit, per threshold.
        path: [E] milliseconds of leaving at each exit with a whole batch.
        images: how many there are.

    Raises:
        InputError: not one batch of them.
    """
    most = min(max(config.latency_samples, _FEW_BATCHES * config.batch), images) // config.batch
    if not most:
        raise InputError(f"batch is {config.batch} and there are {images} images; give a batch of {images} or less")
    least = min(most, max(2, -(-_FEW_IMAGES // config.batch)))
    taus, exits = shares.shape
    cascade_ms = float((shares @ path).mean())
    turn = BLOCK if cascade_ms < _SLOW_MS else 1
    untimed = 1 + 2 / min(most, turn) if turn > 1 else 1
    for rounds, shared in ((config.rounds, False), (config.rounds, True), (1, True)):
        for batches in range(most, least - 1, -1):
            runs = min(taus, batches * config.batch * (exits - 1) + 1) if shared else taus
            ms = batches * rounds * untimed * (runs * cascade_ms + path.sum() + path[-1])
            if ms <= 1e3 * config.max_seconds:
                return Size(batches=batches, rounds=rounds, shared=shared, turn=turn)
    return Size(batches=least, rounds=1, shared=True, turn=turn)


def shared_runs(exits: Array) -> Array:
    """Return for each threshold [T] the first one that sends all timed rows the same way: ``exits`` is [T, n]."""
    _, first, same = np.unique(exits, axis=0, return_index=True, return_inverse=True)
    return np.asarray(first[same.reshape(-1)])

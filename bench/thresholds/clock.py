"""What each image takes at each exit on this machine: what budgets in milliseconds are about. N images, E exits."""

from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import take
from eeinfer.bench.timing.cascade import as_given, forced
from eeinfer.bench.timing.clock import BLOCK, no_collection
from eeinfer.bench.timing.sizing import path_ms
from eeinfer.engine import Engine
from eeinfer.preprocess import Given, prepare_inputs
from eeinfer.progress import Progress

Array = NDArray[Any]


def images_in_time(engine: Engine, images: Any, count: int, rounds: int, seconds: float) -> int:
    """Return how many images can be timed at every exit within so many seconds."""
    first = as_given(prepare_inputs(take(images, np.arange(1)), engine.manifest))
    ms = rounds * float(path_ms(engine, first).sum())
    return min(count, max(1, int(1e3 * seconds / ms)))


def times_ms(engine: Engine, images: Any, rows: Array, rounds: int, progress: Progress) -> Array:
    """Return the milliseconds [N, E] of calls that leave at each exit, the longest of ``rounds`` of them.

    Blocks of images take turns at the exits, and the rounds lie far apart: a machine that slows down for a while must
    not be slow for one exit alone, and a promise has to last beyond the minute in which it was measured.
    """
    found = np.zeros((len(rows), len(engine.tau)))
    blocks = [np.arange(start, min(start + BLOCK, len(rows))) for start in range(0, len(rows), BLOCK)]
    for turn in range(rounds):
        for done, block in enumerate(blocks):
            progress("every exit, timed", turn * len(blocks) + done, rounds * len(blocks))
            given = [as_given(prepare_inputs(take(images, rows[[i]]), engine.manifest)) for i in block]
            found[block] = np.maximum(found[block], _block_ms(engine, given))
    progress("every exit, timed", rounds * len(blocks), rounds * len(blocks))
    return found


def _block_ms(engine: Engine, given: list[Given]) -> Array:
    exits = len(engine.tau)
    times = np.empty((len(given), exits))
    with no_collection():
        for k in range(exits):
            tau = tuple(forced(k, exits))
            engine(given[-1], tau=tau)  # what another exit left in the caches is not this one's to pay for
            for i, image in enumerate(given):
                began = perf_counter()
                engine(image, tau=tau)
                times[i, k] = 1e3 * (perf_counter() - began)
    return times

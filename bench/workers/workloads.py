"""What all peers are asked to do: leave at each exit, and a realistic mix."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.bench.timing.cascade import forced
from eeinfer.bench.workers.base import Workload
from eeinfer.rule import exits_at, leaves

Array = NDArray[Any]

MIX = "mix"


def equal_shares(scores: Array) -> tuple[float, ...]:
    """Fit thresholds under which each exit takes about as many rows as every other.

    They lie half-way between two scores, so that a peer whose last bits differ sends every row the same way.
    """
    rows, exits = scores.shape
    here, taus = np.ones(rows, bool), []
    for k in range(exits - 1):
        wanted = round(np.count_nonzero(here) / (exits - k))
        tau = _between(scores[here, k], wanted)
        taus.append(tau)
        here &= ~leaves(scores[:, k], np.float32(tau))
    return (*taus, 0.0)


def _between(scores: Array, count: int) -> float:
    """The middle of the gap below the ``count`` best, or of the gap nearest to it where scores are equal.

    Nobody passes where there is none to pass.
    """
    ranked = np.sort(scores[np.isfinite(scores)])[::-1].astype(np.float64)
    middles = np.clip((ranked + np.append(ranked[1:], 0.0)) / 2, 0, 1).astype(np.float32)
    gaps = 1 + np.flatnonzero(ranked > middles)
    if count < 1 or not len(gaps):
        return 1.0
    return float(middles[gaps[np.abs(gaps - count).argmin()] - 1])


def leaving(k: int, exits: int) -> str:
    """What the workload is called in which every row leaves at exit ``k``."""
    return f"exit {k}" if k < exits - 1 else "never leaving"


def workloads(scores: Array, taus: Sequence[float]) -> tuple[Workload, ...]:
    """Return the forced exits in order, never leaving the last of them, and the mix at ``taus``."""
    exits = scores.shape[1]
    plans = [(leaving(k, exits), forced(k, exits)) for k in range(exits)]
    return tuple(
        Workload(name=name, taus=tuple(map(float, plan)), exits=tuple(exits_at(scores, plan).tolist()))
        for name, plan in (*plans, (MIX, taus))
    )


def dealt(exits: Array, batches: int, seed: int) -> Array:
    """Return an order of the rows in which every batch has about the same mix of exits, mixed up within."""
    draw = np.random.default_rng(seed)
    shuffled = draw.permutation(len(exits))
    ordered = shuffled[np.argsort(exits[shuffled], kind="stable")]
    return np.concatenate([draw.permutation(ordered[start::batches]) for start in range(batches)])

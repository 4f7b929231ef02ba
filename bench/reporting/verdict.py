"""What the numbers say: which threshold to look at, and whether each exit pays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.bench.reporting.report import BreakEven
from eeinfer.rule import Taus, as_taus, exits_at

Array = NDArray[Any]

_LEAST_SAVED = 0.01


def headline_index(accuracy: Array, static_accuracy: float, tolerance: float) -> int:
    """Return the first, so cheapest, threshold whose accuracy is at most ``tolerance`` below the static network's.

    Where tau = 1 is among them and the last exit reads no heads there always is one, as it answers as the static
    network does; otherwise, where none is that good, it is the last and dearest.
    """
    good = accuracy >= static_accuracy - tolerance - 1e-9
    return int(good.argmax()) if good.any() else len(accuracy) - 1


def saved_ratio(ms: float, static_ms: float, flops: float, static_flops: float) -> float | None:
    """Return the share of latency saved over the share of FLOPs saved: 1 is ideal, below 0 the cascade is slower.

    None where less than 1 % of the FLOPs are saved: a ratio over next to nothing says nothing.
    """
    flops_saved = 1 - flops / static_flops
    return (1 - ms / static_ms) / flops_saved if flops_saved >= _LEAST_SAVED else None


def break_even(scores: Array, tau: Taus, cascade_ms: Sequence[float], session_ms: Sequence[float]) -> list[BreakEven]:
    """Weigh what each early exit costs against what it saves.

    Args:
        scores: [N, E].
        tau: the threshold everybody is judged by, or one per exit.
        cascade_ms: E times of leaving at each exit.
        session_ms: E times of the network cut at each exit, which has neither earlier heads nor borders; their
            difference grows from one exit to the next by what the exit between them costs.
    """
    taus = as_taus(tau, scores.shape[1])
    exits = exits_at(scores, taus)
    extra = np.subtract(cascade_ms, session_ms)
    return [
        _weigh(scores, taus, exits, k, max(0.0, float(extra[k + 1] - extra[k])), np.asarray(cascade_ms))
        for k in range(scores.shape[1] - 1)
    ]


def _weigh(scores: Array, taus: Array, exits: Array, exit: int, cost: float, cascade_ms: Array) -> BreakEven:
    reached, fired = exits >= exit, exits == exit
    without = taus.copy()
    without[exit] = 1.0
    later = exits_at(scores[fired], without)
    saved = float(np.mean(cascade_ms[later] - cascade_ms[exit])) if fired.any() else None
    rate = float(fired.sum() / reached.sum()) if reached.any() else 0.0
    needed = cost / saved if saved is not None and saved > 0 else None
    return BreakEven(
        exit=exit,
        reached=float(reached.mean()),
        fired=rate,
        cost_ms=cost,
        saved_ms=saved,
        needed=needed,
        pays=needed is not None and rate > needed,
    )

"""What makes a cascade stop: the rule, which stands here alone; thresholds, each in [0, 1]; and deadlines."""

import math
from collections.abc import Sequence
from functools import lru_cache
from operator import gt, sub
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eeinfer.errors import InputError

Taus: TypeAlias = float | Sequence[float] | NDArray[np.floating]

SCORE_EPSILON = 1e-5  # how far kernels for another batch size may move a score


def leaves(score: Any, tau: Any) -> Any:
    """Return whether a row leaves at an early exit: THE rule, ``score > tau``, strictly, in float32; NaN never passes.

    The last exit asks nobody: whoever reaches it leaves there. At tau = 1 nobody leaves early, though the sum of a
    softmax may be rounded, and a score come out a last bit above 1.

    Args:
        score: a number, or an array or tensor of float32.
        tau: the exit's threshold as `as_taus` or `as_limits` gives it, so rounded to float32; or one per score.
    """
    return (score > tau) & (tau < 1)


# The same for one score and a limit of `as_limits`, which at tau = 1 is infinite: a function of C, since in a loop that
# runs cold, after a network, another one in Python costs microseconds.
passes = gt


def exits_at(scores: NDArray[Any], tau: Taus) -> NDArray[np.int64]:
    """Return the exit [N] at which each row leaves: the first one that the rule says, else the last.

    Args:
        scores: [N, E] float32, what every exit is judged by.
        tau: one number, or one per exit.

    Raises:
        InputError: as `as_taus`.
    """
    passes = leaves(np.asarray(scores, np.float32), as_taus(tau, scores.shape[1]))
    passes[:, -1] = True
    return np.asarray(passes.argmax(axis=1), np.int64)


def near(score: float, tau: float) -> bool:
    """Return whether a score is so close to tau that kernels for another batch size may decide otherwise."""
    return abs(score - tau) <= SCORE_EPSILON


def any_near(scores: Sequence[float], taus: Sequence[float]) -> bool:
    """Return whether one of the scores is `near` its tau; of taus there may be more. In functions of C, as `passes`."""
    return any(map(SCORE_EPSILON.__ge__, map(abs, map(sub, scores, taus))))


def answer_fault(score: float, prediction: int, classes: int) -> str | None:
    """Return what is wrong with what an exit answers, as the end of a sentence about its segment; None: nothing.

    A NaN is no fault of the segment: it never passes.
    """
    if not -SCORE_EPSILON <= score <= 1 + SCORE_EPSILON and not math.isnan(score):  # a softmax may round up
        return f"answers with the score {score}, outside [0, 1]"
    if not 0 <= prediction < classes:
        return f"answers with class {prediction} of {classes}"
    return None


def as_taus(tau: Taus, exits: int) -> NDArray[np.float32]:
    """Return one float32 threshold per exit, [exits].

    Scores are float32, so thresholds are rounded to float32 before they are compared; every runtime does the same.

    Args:
        tau: one number for all exits, or one per exit; the last exit's is never looked at.
        exits: how many exits the cascade has.

    Raises:
        InputError: not a number, outside [0, 1], or another count than one or ``exits``.
    """
    numbers = _numbers(tau, exits)
    for number in numbers:
        if not 0 <= number <= 1:
            raise InputError(f"tau is {number}; it must lie in [0, 1]: 0 leaves at the first exit, 1 never early")
    return np.array(numbers, np.float32)


def as_limits(tau: Taus, exits: int) -> tuple[float, ...]:
    """Return the same thresholds as plain floats, which is what one row's scores are compared with.

    A threshold of 1 becomes infinity, since no score passes it, and none is near to passing it. Floats are looked up:
    after a large network NumPy's way through them costs a tenth of a millisecond.

    Raises:
        InputError: as `as_taus`.
    """
    if isinstance(tau, float):
        return _limits((tau,) * exits)
    if isinstance(tau, (list, tuple)) and len(tau) == exits and {*map(type, tau)} == {float}:
        return _limits(tuple(tau))
    return _unreached(as_taus(tau, exits))


@lru_cache(maxsize=1024)
def _limits(taus: tuple[float, ...]) -> tuple[float, ...]:
    return _unreached(as_taus(taus, len(taus)))


def _unreached(taus: NDArray[np.float32]) -> tuple[float, ...]:
    return tuple(tau if tau < 1 else math.inf for tau in taus.tolist())


def as_given(limits: tuple[float, ...]) -> tuple[float, ...]:
    """Return the thresholds that `as_limits` took; a float32 is told by its shortest text, so 0.8, not 0.800000012."""
    return tuple(1.0 if limit == math.inf else float(str(np.float32(limit))) for limit in limits)


def _numbers(tau: Taus, exits: int) -> list[float]:
    allowed = f"give one number in [0, 1] for all exits, or a list of {exits} numbers, one per exit"
    try:
        taus = np.asarray(tau, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"tau is {tau!r}; {allowed}") from error
    if taus.ndim > 1:
        raise InputError(f"tau has the shape {list(taus.shape)}, numbers in lists in a list; {allowed}")
    if taus.ndim == 1 and len(taus) != exits:
        raise InputError(f"tau is a list of {len(taus)}; {allowed}")
    numbers: list[float] = np.broadcast_to(taus, (exits,)).tolist()
    return numbers


def as_deadline(deadline_ms: float | None, began: float) -> float:
    """Return when a call that began at ``began`` has to end, in seconds on the same clock; infinity for None.

    Raises:
        InputError: not a number of milliseconds, 0 or more.
    """
    if deadline_ms is None:
        return math.inf
    if not isinstance(deadline_ms, (int, float)) or not deadline_ms >= 0:
        raise InputError(f"deadline_ms is {deadline_ms!r}; give milliseconds, 0 or more, or None")
    return began + deadline_ms / 1e3

"""The thresholds: one number or one per exit, each in [0, 1]."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from eeinfer.errors import InputError

Taus: TypeAlias = float | Sequence[float] | NDArray[np.floating]


def as_taus(tau: Taus, exits: int) -> NDArray[np.float32]:
    """Return one float32 threshold per exit, [exits].

    Scores are float32, so thresholds are rounded to float32 before they are compared; every runtime does the same.

    Args:
        tau: one number for all exits, or one per exit; the last exit's is never looked at.
        exits: how many exits the cascade has.

    Raises:
        InputError: not a number, outside [0, 1], or another count than one or ``exits``.
    """
    numbers = [tau] * exits if isinstance(tau, float) else _plain(tau, exits) or _numbers(tau, exits)
    for number in numbers:
        if not 0 <= number <= 1:
            raise InputError(f"tau is {number}; it must lie in [0, 1]: 0 leaves at the first exit, 1 never early")
    return np.array(numbers, np.float32)


def _plain(tau: Taus, exits: int) -> list[float] | None:
    """Return a list of floats as it is: after a large network NumPy's way through it costs a tenth of a millisecond."""
    if isinstance(tau, list) and len(tau) == exits and all(isinstance(number, float) for number in tau):
        return tau
    return None


def _numbers(tau: Taus, exits: int) -> list[float]:
    try:
        taus = np.asarray(tau, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"tau is {tau!r}; give a number in [0, 1] or {exits} of them, one per exit") from error
    if taus.ndim > 1 or (taus.ndim == 1 and len(taus) != exits):
        raise InputError(f"tau has the shape {list(taus.shape)}; give one number, or {exits} numbers, one per exit")
    numbers: list[float] = np.broadcast_to(taus, (exits,)).tolist()
    return numbers

"""What counts as a number in a setting: neither True, nor NaN, nor a text."""

from typing import TypeGuard


def is_whole(value: object, low: int) -> TypeGuard[int]:
    """Whether ``value`` is an integer from ``low``; True and False, which Python counts as 1 and 0, are not."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= low


def is_number(value: object, low: float, high: float) -> TypeGuard[float]:
    """Whether ``value`` is an integer or a float from ``low`` to ``high``; True, False and NaN are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and low <= value <= high

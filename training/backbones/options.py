"""Reading and checking what a person sets for a backbone."""

from collections.abc import Sequence

from eeinfer.errors import ConfigError
from eeinfer.numbers import is_whole


def numbers(option: str, text: str) -> tuple[int, ...]:
    """Read an option such as "1-2-4": one whole number from 1 per scale.

    Raises:
        ConfigError: anything else.
    """
    parts = str(text).split("-")
    if not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
        raise ConfigError(f"{option} is {text!r}; give whole numbers from 1 joined by -, one per scale, such as 1-2-4")
    return tuple(int(part) for part in parts)


def same_length(**options: Sequence[int]) -> None:
    """Refuse options that do not have one number per scale each.

    Raises:
        ConfigError: their lengths differ.
    """
    if len({len(values) for values in options.values()}) > 1:
        listed = ", ".join(f"{name} {'-'.join(map(str, values))}" for name, values in options.items())
        raise ConfigError(f"{listed} differ in the number of scales; give each one number per scale")


def at_least(low: int, **options: int) -> None:
    """Refuse counts below `low`.

    Raises:
        ConfigError: naming the option.
    """
    for name, value in options.items():
        if not is_whole(value, low):
            raise ConfigError(f"{name} is {value!r}; allowed are whole numbers from {low}")


def thinned(channels: int, reduction: float) -> int:
    """Return how many channels a transition leaves of `channels`.

    Raises:
        ConfigError: not a single one.
    """
    left = int(reduction * channels)
    if left < 1:
        raise ConfigError(f"reduction {reduction} leaves no channel of {channels}; raise it, n_channels or growth")
    return left

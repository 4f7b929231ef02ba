"""How little of a cascade on a GPU waits for the host: the option ``level`` of the backends that run there."""

from collections.abc import Mapping, Sequence
from enum import IntEnum

from eeinfer.errors import ConfigError, did_you_mean

_OPTION = "level"


class Level(IntEnum):
    """The levels of all backends; each backend has some of them."""

    PLAIN = 0  # every segment is put into the stream, then the host waits for its score
    GRAPHS = 1  # the same, as one CUDA graph per segment
    AHEAD = 2  # and the next segment is put into the stream before the wait; where the row leaves, it runs for nobody
    ON_DEVICE = 3  # the cascade is one CUDA graph, and the device decides


def read_level(options: Mapping[str, str], *, backend: str, known: Sequence[Level], default: Level) -> Level:
    """Read the only option of a backend on a GPU.

    Args:
        options: as ``eeinfer.load`` was given them.
        backend: its name, for messages.
        known: the levels that it has.
        default: what it takes where none is given.

    Raises:
        ConfigError: another option, or a level that the backend does not have.
    """
    unknown = next((name for name in options if name != _OPTION), None)
    if unknown is not None:
        raise ConfigError(
            f"backend {backend!r} has no option {unknown!r}; {did_you_mean(unknown, [_OPTION])}it has: {_OPTION}"
        )
    levels = {f"{level:d}": level for level in known}
    asked = str(options.get(_OPTION, f"{default:d}"))
    if asked not in levels:
        raise ConfigError(f"level is {asked!r}; backend {backend!r} takes {', '.join(levels)}")
    return levels[asked]

"""How the segments of one engine share the cores: the setting ``threads`` of ``eeinfer.load``.

Written ``mode:count`` or ``mode:count,count,...`` with one count per segment. The modes:

    parked     every segment has a pool of its own that never spins: nobody is disturbed, waking costs microseconds
    stopping   a pool of its own that spins inside a run and stops at its end
    spinning   a pool of its own that goes on spinning: ONNX Runtime's default, and what makes naive cascades slow
    shared     one pool for all sessions of the process, as ``eeinfer.share_threads`` makes it
"""

from collections.abc import Sequence
from dataclasses import dataclass

from eeinfer.errors import ConfigError
from eeinfer.machine.cores import physical_cores

PARKED, STOPPING, SPINNING, SHARED = MODES = ("parked", "stopping", "spinning", "shared")
_SMALL_FLOPS = 50_000_000  # about 0.7 ms of one AVX-512 core


@dataclass(frozen=True, kw_only=True)
class Threads:
    """One mode, and the threads of each segment."""

    mode: str
    counts: tuple[int, ...]

    def __str__(self) -> str:
        same = len(set(self.counts)) == 1
        return f"{self.mode}:{self.counts[0] if same else ','.join(map(str, self.counts))}"


def as_threads(setting: int | str | None, flops: Sequence[int]) -> Threads:
    """Read the setting ``threads``.

    Args:
        setting: a count for every segment, ``mode``, ``mode:count`` or ``mode:count,count,...``; None and a mode
            alone take one per physical core, but one alone for segments that are done before a second one is awake.
        flops: of each segment.

    Raises:
        ConfigError: an unknown mode, a count below 1, or another number of counts than one or one per segment.
    """
    if isinstance(setting, int) and not isinstance(setting, bool):
        return Threads(mode=PARKED, counts=_fitting((setting,), flops, setting))
    if setting is not None and not isinstance(setting, str):
        raise _refused(setting, len(flops))
    mode, colon, numbers = (PARKED if setting is None else setting).partition(":")
    if mode not in MODES:
        raise _refused(setting, len(flops))
    if colon:
        return Threads(mode=mode, counts=_fitting(_counts(numbers, setting, len(flops)), flops, setting))
    cores = physical_cores()
    counts = (cores if mode == SHARED or cost >= _SMALL_FLOPS else 1 for cost in flops)
    return Threads(mode=mode, counts=tuple(counts))


def _counts(numbers: str, setting: object, segments: int) -> tuple[int, ...]:
    try:
        return tuple(int(number) for number in numbers.split(","))
    except ValueError as error:
        raise _refused(setting, segments) from error


def _fitting(counts: tuple[int, ...], flops: Sequence[int], setting: object) -> tuple[int, ...]:
    counts = counts * len(flops) if len(counts) == 1 else counts
    one_pool = not str(setting).startswith(SHARED) or len(set(counts)) == 1
    if len(counts) != len(flops) or min(counts) < 1 or not one_pool:
        raise _refused(setting, len(flops))
    return counts


def _refused(setting: object, segments: int) -> ConfigError:
    return ConfigError(
        f"threads is {setting!r}; give 1 or more, a mode ({', '.join(MODES)}), or a mode with a count such as "
        f"'parked:2', or all but shared with one count for each of the {segments} segments; "
        "None leaves it to eeinfer"
    )

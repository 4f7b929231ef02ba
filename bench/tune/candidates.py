"""Settings of threads that are worth trying."""

from collections.abc import Sequence

from eeinfer.backends.threads import PARKED, SHARED, STOPPING, as_threads

_WORTH_TRYING = (SHARED, STOPPING, PARKED)  # a pool that goes on spinning never suits a cascade


def candidates(cores: int, flops: Sequence[int], modes: Sequence[str] = _WORTH_TRYING) -> list[str]:
    """Return the settings to try on a machine with so many physical cores, for segments of these FLOPs.

    Every one of ``modes``, of which the library has pools; one thread needs no pool.
    """
    if cores == 1:
        return [f"{PARKED}:1"]
    counts = [count for count in (2, 4, 8, 16, 32, 64) if count < cores] + [cores]
    found = [f"{PARKED}:1"]
    for count in counts:
        found += [f"{mode}:{count}" for mode in modes]
    usual = str(as_threads(None, flops))  # small segments alone, large ones on all cores
    return found if usual in found else [*found, usual]


def combined(single: Sequence[float], many: Sequence[float], mode: str, count: int) -> str | None:
    """Return the setting that gives one thread to the segments that are quicker so, and ``count`` to the others.

    Args:
        single: milliseconds of every segment with one thread.
        many: the same with ``count``.
        mode: what the pools do when they wait.
        count: threads of the other segments.

    Returns:
        None where all segments go the same way.
    """
    counts = [1 if one <= more else count for one, more in zip(single, many, strict=True)]
    return f"{mode}:{','.join(map(str, counts))}" if len(set(counts)) > 1 else None

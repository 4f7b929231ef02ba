"""Whether a bundle was replaced while it was read: what the system says about its files before and after."""

import os
from collections.abc import Iterable
from pathlib import Path

Stamp = tuple[tuple[int, int, int], ...]


def stamp(folder: Path, names: Iterable[str]) -> Stamp:
    """Return what changes when ``folder`` is replaced, or a file in it is written, moved there or given another mode.

    A name that is missing counts as that. Where the stamps before and after reading are equal, all that was read is of
    one bundle: also a folder that was put away and came back has another time of change.
    """
    return tuple(_facts(path) for path in (str(folder), *(f"{folder}/{name}" for name in names)))


def _facts(path: str) -> tuple[int, int, int]:
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path for each file costs as much as asking
    except OSError:
        return (-1, -1, -1)
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns

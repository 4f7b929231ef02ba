"""What is kept for this machine and no other: a folder of its own, outside every bundle.

Graphs that were optimised for its instruction set lie there. All of it can be made again; whoever deletes the
folder loses time and nothing else. ``EEINFER_CACHE`` names another folder, and ``EEINFER_CACHE=off`` keeps nothing.
"""

import contextlib
import functools
import hashlib
import logging
import os
import platform
import shutil
from pathlib import Path

from platformdirs import user_cache_path

VARIABLE = "EEINFER_CACHE"
_OFF = "off"
_CPUINFO = Path("/proc/cpuinfo")
_FLAGS = ("flags", "Features")  # what x86 and Arm call the instruction sets

log = logging.getLogger(__name__)


def cache_folder() -> Path | None:
    """Return the folder of this machine; None where ``EEINFER_CACHE`` is ``off``."""
    named = os.environ.get(VARIABLE)
    if named == _OFF:
        return None
    return Path(named).expanduser() if named else user_cache_path("eeinfer", appauthor=False)


def cache_bytes() -> int:
    """Return the size of what is kept for this machine."""
    folder = cache_folder()
    if folder is None:
        return 0
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def entry(kind: str, *facts: str) -> Path | None:
    """Return where the thing of this kind lies that depends on ``facts`` and on the processor; None: nowhere."""
    folder = cache_folder()
    if folder is None:
        return None
    key = hashlib.sha256("\n".join([*facts, instruction_sets()]).encode()).hexdigest()
    return folder / kind / key[:32]


def prune(spare: Path, most_bytes: int) -> None:
    """Delete what was used longest ago beside ``spare``, which stays, until ``most_bytes`` are left."""
    entries = sorted((path for path in spare.parent.iterdir() if path.is_dir()), key=_used, reverse=True)
    total = 0
    for path in entries:
        total += sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        if total > most_bytes and path != spare:
            log.info("deleting %s, unused for longest", path)
            shutil.rmtree(path, ignore_errors=True)


def touch(path: Path) -> None:
    """Note that the thing at ``path`` was used now."""
    with contextlib.suppress(OSError):  # a folder that cannot be written
        os.utime(path)


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # deleted by another process meanwhile
        return 0.0


@functools.cache
def instruction_sets() -> str:
    """Return what the processor can do, as far as the system says: kernels and memory layouts are chosen by it."""
    try:
        with _CPUINFO.open() as lines:  # of every core: those of the first say it
            found = (line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() in _FLAGS)
            return next(found, platform.machine())
    except OSError:  # not Linux
        return f"{platform.machine()} {platform.processor()}"

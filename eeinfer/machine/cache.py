"""What is kept for this machine and no other: a folder of its own, outside every bundle.

Graphs that were optimised for its instruction set lie there. All of it can be made again; whoever deletes the
folder loses time and nothing else. ``EEINFER_CACHE`` names another folder, and ``EEINFER_CACHE=off`` keeps nothing.

Graphs from here are run unseen, so nothing is read from a folder that another user may write to.
"""

import contextlib
import functools
import hashlib
import logging
import os
import shutil
import stat
import time
from pathlib import Path

from platformdirs import user_cache_path

from eeinfer.machine.instructions import instruction_sets

VARIABLE = "EEINFER_CACHE"
OFF = "off"
_ROOT = 0  # whoever may do anything anyway
_FOR_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_MINE_ALONE = 0o700
_HOMELESS = "this user has no home folder"
_ABANDONED_S = 3600.0  # after which nobody is at work on a hidden folder any more

log = logging.getLogger(__name__)


def cache_folder() -> Path | None:
    """Return the folder of this machine; None where ``EEINFER_CACHE`` is ``off``, or no folder can be trusted."""
    folder = _named()
    return folder if folder is not None and _is_trusted(folder) else None


def obstacle(kind: str) -> str | None:
    """Return why nothing of this kind is kept; None where it is, or where ``EEINFER_CACHE`` is ``off``."""
    folder = _named()
    if folder is None:
        return None if os.environ.get(VARIABLE) == OFF else _HOMELESS
    return _fault(folder) or _fault(folder / kind)


def cache_bytes() -> int:
    """Return the size of what is kept for this machine."""
    folder = cache_folder()
    return 0 if folder is None else _bytes(folder)


def entry(kind: str, *facts: str) -> Path | None:
    """Return where the thing of this kind lies that depends on ``facts`` and on the processor; None: nowhere."""
    return place(kind, key(*facts, instruction_sets()))


def place(kind: str, name: str) -> Path | None:
    """Return where the thing ``name`` of this kind lies or would lie; None: nowhere."""
    folder = cache_folder()
    return folder / kind / name if folder is not None and _is_trusted(folder / kind) else None


def key(*facts: str) -> str:
    """Return a name that holds for ``facts`` and for no others."""
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:32]


def make_folder(kind: Path) -> None:
    """Make the folder of a kind, and the cache around it, closed to other users whatever the umask is.

    Raises:
        OSError: it cannot be made, or somebody else was there first.
    """
    kind.parent.parent.mkdir(parents=True, exist_ok=True)
    for folder in (kind.parent, kind):
        folder.mkdir(mode=_MINE_ALONE, exist_ok=True)
        if not _is_trusted(folder):
            raise PermissionError(f"{folder} is not closed to other users")


def prune(spare: Path, most_bytes: int) -> None:
    """Delete what was used longest ago beside ``spare``, which stays, until ``most_bytes`` are left.

    Hidden folders are somebody's work, or were left behind: these go as well.
    """
    total = 0
    for path in sorted(_folders(spare.parent), key=_used, reverse=True):
        if path.name.startswith("."):
            if _used(path) < time.time() - _ABANDONED_S:
                shutil.rmtree(path, ignore_errors=True)
            continue
        total += _bytes(path)
        if total > most_bytes and path != spare:
            log.info("deleting %s, unused for longest", path)
            discard(path)


def discard(path: Path) -> None:
    """Delete a folder that others may be reading: it is gone at once, and never there in part."""
    aside = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    with contextlib.suppress(OSError):  # somebody else was quicker, or it cannot be written
        path.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)


def touch(path: Path) -> None:
    """Note that the thing at ``path`` was used now."""
    with contextlib.suppress(OSError):  # a folder that cannot be written
        os.utime(path)


def _named() -> Path | None:
    """Return the folder that the environment or the system names, whether it is there or not."""
    named = os.environ.get(VARIABLE)
    if named == OFF:
        return None
    try:
        folder = Path(named).expanduser() if named else user_cache_path("eeinfer", appauthor=False)
    except (RuntimeError, KeyError, OSError):  # a user without a home and without an entry in the system's list
        folder = None
    if folder is None or not (named or folder.is_absolute()):
        _none(_HOMELESS)
        return None
    return folder


def _is_trusted(folder: Path) -> bool:
    """Whether nobody but this user, and root, may put something into ``folder``; one that is not there yet is ours."""
    fault = _fault(folder)
    if fault is not None:
        _none(fault)
    return fault is None


def _fault(folder: Path) -> str | None:
    """Return why nothing is to be kept in ``folder``; None where something may."""
    if not hasattr(os, "geteuid"):
        return None
    try:
        found = folder.stat()
    except (FileNotFoundError, NotADirectoryError):  # then there is nothing to be trusted
        return None
    except OSError as error:  # it lies in a home that this user may not enter
        return f"{folder} cannot be read: {error.strerror}"
    if not stat.S_ISDIR(found.st_mode):
        return f"{folder} is no folder"
    if not os.access(folder, os.R_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
        return f"{folder} is closed to this user"
    if found.st_uid not in (os.geteuid(), _ROOT):
        return f"{folder} belongs to another user"
    if found.st_mode & _FOR_OTHERS:
        return f"other users may write into {folder}; close it with: chmod go-w {folder}"
    return None


@functools.cache  # said once
def _none(reason: str) -> None:
    log.warning("nothing is kept for this machine: %s (%s names another folder)", reason, VARIABLE)


def _folders(parent: Path) -> list[Path]:
    try:
        return [path for path in parent.iterdir() if path.is_dir() and not path.is_symlink()]
    except OSError:  # the whole cache was deleted meanwhile
        return []


def _bytes(folder: Path) -> int:
    """Add up the files below ``folder``, whatever other processes delete meanwhile."""
    return sum(_size(Path(where) / name) for where, _, names in os.walk(folder) for name in names)


def _size(path: Path) -> int:
    try:
        found = path.lstat()
    except OSError:
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # deleted by another process meanwhile
        return 0.0

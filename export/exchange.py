"""Putting a new folder in the place of an old one: in one step where the system can, else in two that can be undone."""

import contextlib
import ctypes
import os
import stat
from pathlib import Path

from eeinfer.machine.leftovers import aside_name, held

_HERE = -100  # AT_FDCWD
_EXCHANGE = 2  # RENAME_EXCHANGE of Linux


def put_in_place(new: Path, target: Path) -> Path | None:
    """Give ``new`` the name ``target``, and the modes of what was there: whoever opens that finds the old or the new.

    Args:
        new: a finished folder beside `target`.
        target: a folder, or nothing yet.

    Returns:
        Where the old folder lies now, to be deleted; None where there was none.

    Raises:
        OSError: it cannot be done; then `target` is what it was.
    """
    if not target.exists():
        new.rename(target)
        return None
    _keep_modes(target, new)
    if _exchanged(new, target):
        return new
    old = aside_name(target)
    with held(target):
        target.rename(old)
        try:
            new.rename(target)
        except BaseException:
            old.rename(target)
            raise
    return old


def _keep_modes(old: Path, new: Path) -> None:
    """What was closed to others stays closed; a file that is new here is as open as its folder."""
    for path in (new, *new.iterdir()):
        like = old / path.relative_to(new)
        with contextlib.suppress(OSError):  # no such file there
            path.chmod(stat.S_IMODE(like.stat().st_mode))


def _exchanged(one: Path, other: Path) -> bool:
    """Swap the names of two folders; False where the system or the file system cannot."""
    try:
        swap = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):  # not Linux, or an old C library
        return False
    return bool(swap(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0)

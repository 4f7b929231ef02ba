"""One process at a time, and one thread of it: a lock on a file, which ends with its holder whatever becomes of him."""

import contextlib
import errno
import os
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_PAUSE_S = 0.02
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # of a file system that cannot lock
# Whatever another user put at the name of a lock is neither followed nor waited for.
_NOT_ANOTHERS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)

if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def locked(path: Path, *, wait_s: float) -> Iterator[bool]:
    """Hold the lock at ``path`` during the block, and yield whether that is so: another holder is not waited for long.

    Where the file system has no locks, everybody holds it. The file is gone afterwards; whoever waited for it may then
    run beside one who came later, so look again whether the work is still to be done, and let its result not depend on
    the lock.

    Raises:
        OSError: the file cannot be made, or what lies there is a link, no file, or another user's.
    """
    descriptor = _opened(path)
    try:
        mine = _taken(descriptor, time.monotonic() + wait_s)
        try:
            yield mine
        finally:
            if mine:
                with contextlib.suppress(OSError):  # Windows: somebody has it open
                    path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _opened(path: Path) -> int:
    """Open the file of a lock, which has a name that anybody can foresee."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NOT_ANOTHERS, 0o600)
    except OSError:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise _planted(path) from None
        raise
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_uid == getattr(os, "geteuid", lambda: found.st_uid)():
        return descriptor
    os.close(descriptor)
    raise _planted(path)


def _planted(path: Path) -> OSError:
    return PermissionError(errno.EPERM, f"{path} is in the way, which is no file of this user's; delete it")


def _taken(descriptor: int, deadline: float) -> bool:
    while not _took(descriptor):
        if time.monotonic() >= deadline:
            return False
        time.sleep(_PAUSE_S)
    return True


def _took(descriptor: int) -> bool:
    try:
        _take(descriptor)
    except OSError as error:
        return error.errno in _NO_LOCKS
    return True

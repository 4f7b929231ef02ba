"""Hidden folders in which commands work, and what is left of those whose command was killed.

A command holds a lock on its folder as long as it lives; the system gives it back when the command dies, however that
happens. So a folder without a lock belongs to nobody.
"""

import contextlib
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from eeinfer.files import hidden_name

_OLD = "old"  # in the name of a folder that was put aside for a new one
_MINE = 0o700
_YOUNG_S = 60  # a folder may have been made an instant before its lock

if sys.platform == "win32":

    def _take(path: Path) -> int | None:
        return None  # folders cannot be locked: then nothing is known to be left over
else:
    import fcntl

    def _take(path: Path) -> int | None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:  # another user's, or gone meanwhile
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # somebody has it, or the file system has no locks
            os.close(descriptor)
            return None
        return descriptor


@contextlib.contextmanager
def held(folder: Path) -> Iterator[bool]:
    """Hold the lock on a folder during the block where that can be had, and yield whether it was."""
    descriptor = _take(folder)
    try:
        yield descriptor is not None
    finally:
        if descriptor is not None:
            os.close(descriptor)


@contextlib.contextmanager
def working_folder(target: Path, *, mode: int = 0o777) -> Iterator[Path]:
    """Yield a new hidden folder beside `target`, as open as `mode` and the umask say, and delete it at last.

    Raises:
        OSError: it cannot be made.
    """
    folder = hidden_name(target)
    folder.mkdir(mode)  # fails where something lies there, a link too
    try:
        with held(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def temporary_folder(name: str) -> Iterator[Path]:
    """Yield a new folder for this user alone among the system's temporary ones, and delete it at last.

    What killed commands left there under the same name is deleted first.

    Raises:
        OSError: it cannot be made.
    """
    target = Path(tempfile.gettempdir(), name)
    clean_up(target)
    with working_folder(target, mode=_MINE) as folder:
        yield folder


def aside_name(target: Path) -> Path:
    """Return an unused name beside `target` for what a new folder takes the place of."""
    return hidden_name(target.with_name(f"{target.name}.{_OLD}"))


def clean_up(target: Path) -> None:
    """Delete what killed commands left beside `target`; a folder that was put aside and not replaced comes back."""
    ours = re.compile(rf"\.{re.escape(target.name)}(\.{_OLD})?\.[0-9a-f]{{12}}")
    with contextlib.suppress(OSError):  # none of this is worth an error
        for path in target.parent.iterdir():
            if (found := ours.fullmatch(path.name)) and path.is_dir() and not path.is_symlink():
                _clean(path, target, is_old=found[1] is not None)


def _clean(path: Path, target: Path, *, is_old: bool) -> None:
    with held(path) as mine:
        if not mine:
            return
        if is_old and not target.exists():
            path.rename(target)
        elif is_old or time.time() - path.stat().st_mtime > _YOUNG_S:
            shutil.rmtree(path, ignore_errors=True)

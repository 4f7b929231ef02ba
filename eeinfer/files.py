"""Writing files so that a reader finds the old content or the new, never a part of it; and reading others' files."""

import contextlib
import os
import re
import secrets
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from eeinfer.errors import InputError, first_line, meant

_PIECE_BYTES = 1 << 19  # stays in the processor's cache while it is hashed
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # a pipe without a writer is opened at once, and then refused
_BINARY = getattr(os, "O_BINARY", 0)  # Windows would translate line ends
_NEW_FILE = 0o666  # less what the umask takes
_MOST_BESIDE = 10_000  # names in a folder that are looked at for one that was meant
_LONG_S = 3600.0  # longer than writing a file takes


def meant_path(path: Path) -> str:
    """Return the question whether something that lies beside `path` was meant; empty where nothing is called alike."""
    with contextlib.suppress(OSError):
        found = (other.name for other in islice(path.parent.iterdir(), _MOST_BESIDE))
        beside = [name for name in found if not name.startswith(".")]
        if near := meant(path.name, beside):
            return f" (did you mean {path.with_name(near[0])}?)"
    return ""


def unreadable(path: Path, error: OSError) -> str:
    """Return what keeps `path` from being read, to follow its name in a sentence."""
    missing = isinstance(error, FileNotFoundError)
    return f"does not exist{meant_path(path)}" if missing else f"cannot be read ({first_line(error)})"


def replace_file(path: Path, content: bytes) -> None:
    """Give the file at `path` a new content in one step."""
    write_atomically(path, lambda file: file.write(content))


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it to `path`; on failure nothing is left behind.

    The temporary file has a name that nobody can foresee, and is never opened through a link that lies there already.
    A file that is replaced keeps its mode.
    """
    _clear(path)
    temporary = hidden_name(path)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, _NEW_FILE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with contextlib.suppress(OSError):  # nothing to replace
                temporary.chmod(stat.S_IMODE(path.stat().st_mode))
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:  # Ctrl-C too
        temporary.unlink(missing_ok=True)
        raise


def _clear(path: Path) -> None:
    """Delete the temporary files beside `path` of writers that were killed: none takes an hour."""
    ours, long_ago = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{12}}"), time.time() - _LONG_S
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:  # none of this is worth an error
        for entry in entries:
            is_ours = ours.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)
            if is_ours and entry.stat(follow_symlinks=False).st_mtime < long_ago:
                Path(entry.path).unlink()


def hidden_name(path: Path) -> Path:
    """Return an unused name beside `path` for what is not ready yet, or is about to be deleted."""
    return path.with_name(f".{path.name}.{secrets.token_hex(6)}")


def read_small(path: Path, most_bytes: int) -> bytes:
    """Return the content of a file that anybody may have put there.

    Raises:
        OSError: it cannot be read, is a folder, a pipe or a device, or has more than ``most_bytes``.
    """
    descriptor = os.open(path, os.O_RDONLY | _NO_WAIT | _BINARY)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is no file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            content = file.read(most_bytes + 1)
    finally:
        os.close(descriptor)
    if len(content) > most_bytes:
        raise OSError(f"{path} has more than {most_bytes} bytes")
    return content


def read_pieces(path: Path) -> Iterator[memoryview]:
    """Yield the content of the file at `path` bit by bit; a piece is overwritten by the next."""
    piece = memoryview(bytearray(min(_PIECE_BYTES, path.stat().st_size + 1)))
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(piece):
            yield piece[:size]


def check_folder(folder: str | os.PathLike[str], what: str, hint: str = "choose another place with --out") -> None:
    """Refuse a folder that files cannot be written to; what is created for trying is removed again.

    Args:
        folder: need not exist; its parents neither.
        what: is to be written there, such as "the report".
        hint: ends the message.

    Raises:
        InputError: it cannot be made, is no folder, or is not to be written to.
    """
    target = Path(folder)
    made: list[Path] = []
    try:
        for missing in reversed(_missing(target)):
            missing.mkdir()
            made.append(missing)
        with tempfile.TemporaryFile(dir=target):
            pass
    except (OSError, ValueError) as error:  # ValueError: a null character
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{what} cannot be written to {target}: {reason}; {hint}") from error
    finally:
        with contextlib.suppress(OSError):  # somebody put something there meanwhile
            for path in reversed(made):
                path.rmdir()


def _missing(folder: Path) -> list[Path]:
    """The folders that do not exist yet, from ``folder`` upwards."""
    missing = []
    for path in (folder, *folder.parents):
        if path.exists():
            break
        missing.append(path)
    return missing

"""Writing files so that a reader finds the old content or the new, never a part of it; and reading others' files."""

import contextlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

_PIECE_BYTES = 1 << 19  # stays in the processor's cache while it is hashed
_NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # a pipe without a writer is opened at once, and then refused
_BINARY = getattr(os, "O_BINARY", 0)  # Windows would translate line ends
_NEW_FILE = 0o666  # less what the umask takes


def replace_file(path: Path, content: bytes) -> None:
    """Give the file at `path` a new content in one step."""
    write_atomically(path, lambda file: file.write(content))


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it to `path`; on failure nothing is left behind.

    The temporary file has a name that nobody can foresee, and is never opened through a link that lies there already.
    A file that is replaced keeps its mode.
    """
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

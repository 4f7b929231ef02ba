"""Writing files so that a reader finds the old content or the new, never a part of it; and reading large ones."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

_PIECE_BYTES = 1 << 19  # stays in the processor's cache while it is hashed


def replace_file(path: Path, content: bytes) -> None:
    """Give the file at `path` a new content in one step."""
    write_atomically(path, lambda file: file.write(content))


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it to `path`; on failure nothing is left behind."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:  # Ctrl-C too
        temporary.unlink(missing_ok=True)
        raise


def read_pieces(path: Path) -> Iterator[memoryview]:
    """Yield the content of the file at `path` bit by bit; a piece is overwritten by the next."""
    piece = memoryview(bytearray(min(_PIECE_BYTES, path.stat().st_size + 1)))
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(piece):
            yield piece[:size]

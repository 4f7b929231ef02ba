"""What torch.save writes, with a checksum of its own: SHA-256 of the whole archive, in the comment that ends it.

torch.load checks neither the archive's own checksums nor its directory, where a flipped bit can lead to other weights.
"""

import contextlib
import hashlib
import pickle
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import torch

from eeinfer.errors import CheckpointError, InputError, first_line
from eeinfer.files import write_atomically

_MARK = b"eeinfer sha256 "
_COMMENT_BYTES = len(_MARK) + 2 * hashlib.sha256().digest_size
_LENGTH_BYTES = 2  # an archive ends with the length of its comment, then the comment
_PIECE_BYTES = 1 << 20
_LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."  # how torch.save began its files before version 1.6


def save_sealed(path: Path, content: Any) -> None:
    """Write plain data and tensors to `path` in one step.

    Raises:
        InputError: the disk is full or the folder cannot be written; what lay at `path` is as it was.
    """
    with writing(path):
        try:
            write_atomically(path, lambda file: _write(file, content))
        except RuntimeError as error:  # torch's writer reports a full disk by an error of its own
            raise OSError(first_line(error.__context__ or error)) from error


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what a full or forbidden disk raises into a sentence.

    Raises:
        InputError: `path` cannot be written.
    """
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({first_line(error)}): make room there and give the same command again, or "
            "choose another place with --out; what was there before is as it was"
        ) from error


def load_sealed(path: Path, again: str) -> tuple[Any, bool]:
    """Return the content of a file of torch's, and whether it has a checksum of its own.

    Args:
        path: the file.
        again: how to get another one, which ends every message.

    Raises:
        CheckpointError: it is foreign, cut short, damaged, or holds pickled code.
    """
    try:
        with path.open("rb") as file:
            _refuse_foreign(file, path, again)
            sealed = _has_seal(file, path, again)
            file.seek(0)
            return torch.load(file, map_location="cpu", weights_only=True), sealed
    except CheckpointError:
        raise
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds pickled code, which eeinfer does not run: {again}, or save weights alone"
        ) from error
    except Exception as error:  # a zip archive of another kind, or damaged inside
        raise CheckpointError(f"{path} is damaged or foreign: {again}") from error


class _Hashing:
    """A file to write to that hashes what it is given."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.sum = file, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.sum.update(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()


def _write(file: BinaryIO, content: Any) -> None:
    hashing = _Hashing(file)
    torch.save(content, hashing)  # type: ignore[arg-type]  # of a file it calls write and flush alone
    comment = _MARK + hashing.sum.hexdigest().encode()
    file.seek(-_LENGTH_BYTES, 2)
    file.write(_length(comment) + comment)


def _length(comment: bytes) -> bytes:
    return len(comment).to_bytes(_LENGTH_BYTES, "little")


def _refuse_foreign(file: BinaryIO, path: Path, again: str) -> None:
    start = file.read(len(_LEGACY))
    if start == _LEGACY:
        raise CheckpointError(
            f"{path} has the legacy format of torch.save, from before torch 1.6 or by choice, which eeinfer does not "
            f"read: load it with torch.load(weights_only=True) and save it again, or {again}"
        )
    if not zipfile.is_zipfile(file):
        what = "is cut short: copy it again" if start[:2] == b"PK" else "is no file that torch.save wrote"
        raise CheckpointError(f"{path} {what}, or {again}")


def _has_seal(file: BinaryIO, path: Path, again: str) -> bool:
    """Check the file's own checksum, or where it has none those of the parts of the archive."""
    size = file.seek(0, 2)
    file.seek(max(size - _COMMENT_BYTES - _LENGTH_BYTES, 0))
    end = file.read()
    length, comment = end[:_LENGTH_BYTES], end[_LENGTH_BYTES:]
    sealed = comment.startswith(_MARK)
    if sealed:
        whole = length == _length(comment) and comment[len(_MARK) :] == _sum(file, size - len(end)).encode()
    else:
        whole = _is_sound(file)
    if not whole:
        raise CheckpointError(f"{path} is damaged, its checksums do not fit: copy it again, or {again}")
    return sealed


def _sum(file: BinaryIO, size: int) -> str:
    """Hash the first `size` bytes and the length of no comment, as torch.save wrote them."""
    found = hashlib.sha256()
    file.seek(0)
    while size > 0 and (piece := file.read(min(size, _PIECE_BYTES))):
        found.update(piece)
        size -= len(piece)
    found.update(bytes(_LENGTH_BYTES))
    return found.hexdigest()


def _is_sound(file: BinaryIO) -> bool:
    """Say whether the parts of an archive are what their checksums say."""
    try:
        with zipfile.ZipFile(file) as archive:
            return archive.testzip() is None
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError):
        return False

"""What OpenVINO compiled for one bundle, kept in the machine's cache: to take it up again is quicker than to compile.

    openvino/<key>/segments.bin    those for a single row, or those for batches: each has a key

The file is a line of JSON, ``Record``, and behind it what OpenVINO exported of each segment. Threads and streams are
not part of it: they are given when it is taken up. Whatever is wrong with it, the segments are compiled.
"""

import logging
import stat
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from eeinfer.backends.openvino.library import openvino
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import EeinferError, first_line
from eeinfer.files import write_atomically
from eeinfer.machine import cache
from eeinfer.machine.locks import locked

KIND = "openvino"
_FORM = "form 3"  # counts up with what is asked of OpenVINO in every compilation
_MOST_BYTES = 4 << 30  # of all bundles
_NAME = "segments.bin"
_MOST_LINE = 1 << 20

log = logging.getLogger(__name__)


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line of the file."""

    key: str  # of its folder, so that a file which was put elsewhere is seen
    sizes: tuple[int, ...]  # of each segment, in bytes
    crc32: tuple[int, ...]


def place(bundle: Bundle, name: str) -> Path | None:
    """Return where the compiled segments lie or would lie: for this state of the bundle, OpenVINO and processor.

    Args:
        bundle: whose segments.
        name: "one" or "many".
    """
    folder = cache.entry(KIND, bundle.fingerprint, openvino().get_version(), _FORM, name)
    return None if folder is None else folder / _NAME


def find(path: Path | None, segments: int) -> list[bytes] | None:
    """Return what was kept of each segment; None where nothing is, or nothing sound: what is damaged is deleted."""
    try:
        return None if path is None else _read(path, segments)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, msgspec.MsgspecError) as error:
        log.warning("%s is damaged (%s); it is made again", path, error)
        discard(path)
    except Exception as error:  # not damaged: it cannot be read just now
        log.warning("%s is not used: %s", path, first_line(error))
    return None


def discard(path: Path | None) -> None:
    """Delete what does not run, so that it is not tried at each opening."""
    if path is not None:
        cache.discard(path.parent)


def _read(path: Path, segments: int) -> list[bytes]:
    if not stat.S_ISREG(path.lstat().st_mode):
        raise ValueError("it is no file")
    with path.open("rb") as file:
        record = msgspec.json.decode(file.readline(_MOST_LINE), type=Record)
        if record.key != path.parent.name or not len(record.sizes) == len(record.crc32) == segments:
            raise ValueError("it is of something else")
        if file.tell() + sum(record.sizes) != path.stat().st_size or min(record.sizes) < 0:
            raise ValueError("it has another size")
        blobs = [file.read(size) for size in record.sizes]
    if [zlib.crc32(blob) for blob in blobs] != [*record.crc32]:
        raise ValueError("it is not what was written there")
    cache.touch(path.parent)
    return blobs


def keep(bundle: Bundle, path: Path | None, blobs: Sequence[bytes]) -> None:
    """Keep what was compiled of ``bundle``, if its files are those that its fingerprint stands for.

    Whatever goes wrong, nothing is kept, and nothing of it is remembered.
    """
    if path is None or path.exists():
        return
    try:
        bundle.verify()
        bundle.check_unchanged()  # nor was it replaced while it was compiled
        cache.make_folder(path.parent.parent)
        with locked(path.parent.with_name(f".{path.parent.name}.lock"), wait_s=0) as mine:
            if mine and not path.exists():
                cache.prune(path.parent, _MOST_BYTES)
                path.parent.mkdir(exist_ok=True)
                write_atomically(path, lambda file: _write(file, path, blobs))
    except (OSError, EeinferError) as error:  # a full disk; an altered bundle is refused by whoever opens it
        log.info("what OpenVINO compiled of %s is not kept: %s", bundle.path, error)


def _write(file: BinaryIO, path: Path, blobs: Sequence[bytes]) -> None:
    sizes, sums = tuple(map(len, blobs)), tuple(map(zlib.crc32, blobs))
    file.write(msgspec.json.encode(Record(key=path.parent.name, sizes=sizes, crc32=sums)) + b"\n")
    for blob in blobs:
        file.write(blob)

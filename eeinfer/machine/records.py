"""What is known of this machine, as small JSON files in its cache: found where they are sound, written in one step."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec

from eeinfer.errors import EeinferError
from eeinfer.files import read_small, replace_file
from eeinfer.machine import cache

Record = TypeVar("Record", bound=msgspec.Struct)

log = logging.getLogger(__name__)


class _Versioned(msgspec.Struct, frozen=True, kw_only=True):
    version: int


def find_record(
    path: Path | None,
    kind: type[Record],
    check: Callable[[Record], None],
    *,
    version: int | None = None,
    most_bytes: int,
    mend: str,
) -> Record | None:
    """Return the record at ``path``; None where there is none, or none that can be read.

    Args:
        path: its place; None where nothing is kept.
        kind: of the record.
        check: raises an EeinferError where its parts do not fit.
        version: that is read; None: the record has no field of that name.
        most_bytes: of the file; a larger one is damage.
        mend: the command that makes it again.
    """
    if path is None:
        return None
    try:
        data = read_small(path, most_bytes)
        if version is not None:
            _check_version(data, version)  # before the fields, of which another version has others
        record = msgspec.json.decode(data, type=kind)
        check(record)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError, EeinferError) as error:
        log.warning("%s is not used: %s; make it again with: %s", path, error, mend)
        return None
    return record


def _check_version(data: bytes, version: int) -> None:
    found = msgspec.json.decode(data, type=_Versioned).version
    if found != version:
        age = "an older" if found < version else "a newer"
        raise EeinferError(f"it is from {age} eeinfer (version {found}, this one reads {version})")


def save_record(path: Path | None, record: msgspec.Struct) -> Path | None:
    """Write a record and return where it lies; None where nothing is kept."""
    if path is not None:
        cache.make_folder(path.parent)
        replace_file(path, msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
    return path

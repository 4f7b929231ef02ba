"""The sources of the compiled library that the package ships, and the name of a library of these very sources.

Reading them all takes longer than opening a small network. So what was read is noted in this machine's cache, beside
what the system says of every file, and holds while the system says the same.
"""

import contextlib
import functools
import hashlib
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from eeinfer.backends.native.binding import ABI_VERSION
from eeinfer.machine import cache
from eeinfer.machine.records import find_record, save_record
from eeinfer.machine.versions import version_of

KIND = "native"  # of the libraries in the cache
_NOTES = "sources"  # and of what is noted here
PACKAGE = Path(__file__).resolve().parents[2]
_FOLDERS = ("include", "csrc")
_MOST_BYTES = 1 << 12
_TICK_NS = 1_000_000_000  # within which two changes of a file may have one time


class _Noted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the sources were when they were read."""

    stamp: str  # what the system said of them
    digest: str  # of their names and contents


@functools.cache
def sources_key() -> str:
    """Return a name that changes with the sources, the interface and the system."""
    return cache.key(version_of("eeinfer") or "", sys.platform, platform.machine(), str(ABI_VERSION), _digest())


def _digest() -> str:
    """Return what stands for the names and contents of all sources."""
    began, place = time.time_ns(), cache.place(_NOTES, f"{cache.key(str(PACKAGE))}.json")
    stamp, changed = _stamp()
    noted = find_record(place, _Noted, lambda _: None, most_bytes=_MOST_BYTES, mend="eeinfer native build")
    if noted is not None and noted.stamp == stamp:
        return noted.digest
    digest = cache.key(*(f"{path.name} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in sorted(sources())))
    if changed < began - _TICK_NS:
        _note(place, _Noted(stamp=stamp, digest=digest))
    return digest


def sources() -> Iterator[Path]:
    """Yield every source and header."""
    return (Path(entry.path) for entry in _entries())


def _stamp() -> tuple[str, int]:
    """Return what changes when a source is written, moved or replaced, and when the last one was, in nanoseconds."""
    facts, last = list[str](), 0
    for entry in _entries():
        found = entry.stat()
        facts.append(f"{entry.path} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}")
        last = max(last, found.st_mtime_ns, found.st_ctime_ns)
    return cache.key(*sorted(facts)), last


def _entries() -> Iterator["os.DirEntry[str]"]:
    folders = [str(folder) for name in _FOLDERS if (folder := PACKAGE / name).is_dir()]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    folders.append(entry.path)
                elif entry.is_file():
                    yield entry


def _note(place: Path | None, noted: _Noted) -> None:
    if place is not None and place.parent.with_name(KIND).is_dir():  # a library was built here
        with contextlib.suppress(OSError):  # it cannot be written: then they are read each time
            save_record(place, noted)

"""What `eeinfer tune` found out about a bundle with one library on this machine: in its cache, never in the bundle."""

from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from eeinfer.backends.row_costs import RowCosts
from eeinfer.backends.threads import as_threads
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import EeinferError
from eeinfer.machine import cache
from eeinfer.machine.cores import physical_cores
from eeinfer.machine.records import find_record, save_record

PROFILE_VERSION = 1
KIND = "profile"
_MOST_BYTES = 1 << 20


class Trial(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A setting of threads and what it took."""

    threads: str
    ms: tuple[float, ...]  # time of one image, at each of the exits that were tried
    ratio: float  # mean over these exits of its time over the quickest one's


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How to run one bundle on this machine."""

    version: int = PROFILE_VERSION
    bundle: str  # its name
    threads: str  # the quickest setting that leaves the rest of the process alone: what `eeinfer.load` takes
    process: str  # the quickest of all: what the command line takes, whose process is its own
    exits: tuple[int, ...]  # that were tried
    trials: tuple[Trial, ...]  # the quickest first
    sizes: tuple[int, ...]  # batch sizes, ascending
    segment_ms: tuple[tuple[float, ...], ...]  # time of every segment at each of the sizes, under `process`
    move_ms: float  # what taking rows out costs beyond the copies
    bytes_per_ms: float  # how fast rows are copied
    created: str  # ISO 8601
    cores: int  # physical, open to the process

    def costs(self, alive_bytes: list[int]) -> RowCosts:
        """Return the table that decides when rows that left are taken out of a batch."""
        return RowCosts(
            sizes=self.sizes,
            segment_ms=self.segment_ms,
            alive_bytes=tuple(alive_bytes),
            move_ms=self.move_ms,
            bytes_per_ms=self.bytes_per_ms,
        )


def profile_path(bundle: Bundle, library: str) -> Path | None:
    """Return where the profile of ``bundle`` lies or would lie; None where nothing is kept.

    It holds for one bundle, one ``library``, such as "onnxruntime 1.32.0", one processor and as many cores as are open.
    """
    facts = bundle.fingerprint, library, f"{physical_cores()} cores"
    place = cache.entry(KIND, *facts)
    return None if place is None else place.with_suffix(".json")


def find_profile(bundle: Bundle, library: str) -> Profile | None:
    """Return the profile of ``bundle`` from the cache; None where there is none, or none that can be read."""
    path = profile_path(bundle, library)
    check, mend = partial(_check, bundle=bundle), f"eeinfer tune {bundle.path}"
    return find_record(path, Profile, check, version=PROFILE_VERSION, most_bytes=_MOST_BYTES, mend=mend)


def save_profile(bundle: Bundle, library: str, profile: Profile) -> Path | None:
    """Write the profile in one step and return where it lies; None where nothing is kept."""
    return save_record(profile_path(bundle, library), profile)


def _check(profile: Profile, bundle: Bundle) -> None:
    segments = len(bundle.manifest.segments)
    as_threads(profile.threads, _flops(bundle))
    as_threads(profile.process, _flops(bundle))
    rows: list[Any] = [profile.segment_ms, *profile.segment_ms]
    wanted = [segments, *[len(profile.sizes)] * segments]
    ascending = list(profile.sizes) == sorted(set(profile.sizes)) and min(profile.sizes, default=0) == 1
    if [len(row) for row in rows] != wanted or not ascending or profile.bytes_per_ms <= 0:
        raise EeinferError("its table of costs does not fit")


def _flops(bundle: Bundle) -> list[int]:
    return [segment.flops for segment in bundle.manifest.segments]

"""Which backend `eeinfer tune` found quickest for one bundle on this machine: what `eeinfer.load` takes by itself."""

import logging
import os
from pathlib import Path

import msgspec

from eeinfer.backends.choice import ON_CPU
from eeinfer.backends.native.library import ONNXRUNTIME, obstacle
from eeinfer.backends.onnx_runtime import LIBRARY as ONNX_RUNTIME
from eeinfer.backends.onnx_runtime import shared_threads
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import EeinferError
from eeinfer.machine import cache
from eeinfer.machine.cores import physical_cores
from eeinfer.machine.records import find_record, save_record
from eeinfer.machine.versions import version_of

CHOICE_VERSION = 1
KIND = "choice"
_MOST_BYTES = 1 << 16
_NATIVE = "native"
_HOW = {
    _NATIVE: "ONNX Runtime, the compiled loop",
    ONNX_RUNTIME: "ONNX Runtime, the loop in Python",
    "openvino": "OpenVINO",
}
_ASKED_FOR = "it was asked for"

log = logging.getLogger(__name__)


class Candidate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One backend with its best threads, beside the first candidate."""

    backend: str
    version: str  # of its library
    threads: str
    ms: tuple[float, ...]  # time of one image, at each of the exits that were tried
    ratio: float  # mean over these exits of its time over the first candidate's
    agreement: float  # share of answers, over rows and exits, with the first candidate's class
    score_error: float  # the largest difference of a score from the first candidate's


class Choice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was tried, ONNX Runtime first, and what is taken."""

    version: int = CHOICE_VERSION
    bundle: str  # its name
    backend: str  # the one that is taken
    candidates: tuple[Candidate, ...]
    processor: str  # its name, for people
    created: str  # ISO 8601

    @property
    def why(self) -> str:
        """A sentence on what is taken, and why."""
        first, *others = self.candidates
        if not others:
            return f"eeinfer tune found {first.backend} alone"
        taken = next(candidate for candidate in self.candidates if candidate.backend == self.backend)
        if taken is not first:
            return f"eeinfer tune: {taken.backend} takes {taken.ratio:.2f} of {first.backend}'s time, same answers"
        told = ", ".join(f"{other.backend} takes {other.ratio:.2f} of its time{_but(other)}" for other in others)
        return f"eeinfer tune: {first.backend} is taken, {told}"


def _but(other: Candidate) -> str:
    return "" if other.agreement == 1 else f" and answers {1 - other.agreement:.1%} otherwise"


def choice_path(bundle: Bundle) -> Path | None:
    """Return where the choice for ``bundle`` lies or would lie; None where nothing is kept."""
    place = cache.entry(KIND, bundle.fingerprint, f"{physical_cores()} cores")
    return None if place is None else place.with_suffix(".json")


def find_choice(bundle: Bundle) -> Choice | None:
    """Return the choice for ``bundle``; None where there is none, or one among other versions than are installed."""
    path = choice_path(bundle)
    choice = find_record(path, Choice, _check, most_bytes=_MOST_BYTES, mend=f"eeinfer tune {bundle.path}")
    if choice is None:
        return None
    changed = [each.backend for each in choice.candidates if version_of(each.backend) != each.version]
    if changed:
        log.info("%s is not used: another version of %s is installed now", path, ", ".join(changed))
        return None
    return choice


def save_choice(bundle: Bundle, choice: Choice) -> Path | None:
    """Write the choice in one step and return where it lies; None where nothing is kept."""
    return save_record(choice_path(bundle), choice)


def quickest(bundle: Bundle) -> str | None:
    """Return the backend that `eeinfer tune` found quicker than ONNX Runtime; None: it found none, or never ran."""
    choice = find_choice(bundle)
    if choice is None or choice.backend == ONNX_RUNTIME or choice.backend not in _HOW:
        return None
    log.info("%s", choice.why)
    return choice.backend


def preferred(bundle: Bundle, names: tuple[str, ...]) -> tuple[str, ...]:
    """Put first what `eeinfer tune` found quickest, unless the process has one pool for all its sessions."""
    if shared_threads() is not None:  # a runtime that is named, and another library, would bring a second pool
        return names[-1:] if os.environ.get(ONNXRUNTIME) else names
    found = quickest(bundle)
    return names if found is None else (found, *names)


def expected(bundle: Bundle) -> str:
    """Return the backend that ``eeinfer.load`` takes by itself on the CPU, if it opens the bundle."""
    return next(name for name in preferred(bundle, ON_CPU) if name != _NATIVE or obstacle() is None)


def how(bundle: Bundle, backend: str) -> str:
    """Return a sentence on what runs ``bundle`` on the CPU with ``backend``, and why that."""
    return f"{_HOW.get(backend, backend)}: {_why(bundle, backend)}"


def _why(bundle: Bundle, backend: str) -> str:
    choice = find_choice(bundle)
    if choice is not None and backend == expected(bundle):
        return choice.why
    if backend == ONNX_RUNTIME:
        return obstacle() or _ASKED_FOR
    return "it is there" if backend == expected(bundle) else _ASKED_FOR


def _check(choice: Choice) -> None:
    if choice.version != CHOICE_VERSION:
        raise EeinferError(f"it has version {choice.version}, this eeinfer reads {CHOICE_VERSION}")
    if choice.backend not in {candidate.backend for candidate in choice.candidates}:
        raise EeinferError(f"it takes backend {choice.backend!r}, which is none of its candidates")

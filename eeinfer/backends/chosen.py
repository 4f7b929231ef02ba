"""Which backend `eeinfer tune` found quickest for one bundle on this machine, and with so many threads."""

import logging
import os
from pathlib import Path

import msgspec

from eeinfer.backends.choice import ON_CPU
from eeinfer.backends.native.library import ONNXRUNTIME, obstacle
from eeinfer.backends.onnx_runtime import LIBRARY as ONNX_RUNTIME
from eeinfer.backends.onnx_runtime import shared_threads
from eeinfer.backends.openvino import library as openvino
from eeinfer.backends.threads import PARKED, as_threads
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import EeinferError
from eeinfer.machine import cache
from eeinfer.machine.cores import physical_cores
from eeinfer.machine.extras import RUNTIME_WHEELS
from eeinfer.machine.records import find_record, save_record
from eeinfer.machine.versions import versions_of

CHOICE_VERSION = 2
KIND = "choice"
_MOST_BYTES = 1 << 16
_NATIVE = "native"
_HOW = {
    _NATIVE: "ONNX Runtime, the compiled loop",
    ONNX_RUNTIME: "ONNX Runtime, the loop in Python",
    openvino.LIBRARY: "OpenVINO",
}

log = logging.getLogger(__name__)


class _Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every part of the choice has in common."""


class Agreement(_Record, frozen=True, kw_only=True):
    """How a backend's answers compare with the first candidate's, over rows and exits."""

    rows: int
    taus: tuple[float, ...]  # at which decisions were compared
    decisions: float  # share of `score > tau` that are equal, over the taus too
    predictions: float  # share of equal classes; where two are tied, either is right
    score_error: float  # the largest difference of a score
    compared: float = 1.0  # share of the rows that are told of, least of an exit: the others hang on the last bit


class Candidate(_Record, frozen=True, kw_only=True):
    """One backend that was tried."""

    backend: str
    version: str  # of its library
    agreement: Agreement | None  # None: it is the first candidate


class Pick(_Record, frozen=True, kw_only=True):
    """What is taken where so many threads are asked for."""

    process: bool  # in a process that is the cascade's own, as a command's is; else beside whatever else runs there
    threads: int | None  # that are asked for; None: no number
    backend: str  # the one that is taken
    settings: dict[str, str]  # of each backend: its quickest threads there
    ratios: dict[str, float]  # of each backend: mean over the exits tried of its time over the first candidate's

    @property
    def taken(self) -> str:
        """The backend that is taken, and its threads."""
        return f"{self.backend} {self.settings[self.backend]}"


class Choice(_Record, frozen=True, kw_only=True):
    """What was tried, ONNX Runtime first, and what is taken."""

    version: int = CHOICE_VERSION
    bundle: str  # its name
    candidates: tuple[Candidate, ...]
    picks: tuple[Pick, ...]
    processor: str  # its name, for people
    created: str  # ISO 8601

    def pick(self, threads: int | None = None, *, process: bool = False) -> Pick:
        """Return what is taken for so many threads; where they were not tried, for the next smaller number."""
        found = [each for each in self.picks if each.process == process and (each.threads or 0) <= (threads or 0)]
        return max(found, key=lambda each: each.threads or 0)

    @property
    def summary(self) -> str:
        """What a program's `eeinfer.load` and what a command takes, with which threads."""
        beside, whole = self.pick(), self.pick(process=True)
        return f"eeinfer.load takes {beside.taken}; a command takes {whole.taken}"

    def why(self, pick: Pick) -> str:
        """Return a sentence on what is taken, and why."""
        first, *others = self.candidates
        if not others:
            return f"eeinfer tune found {first.backend} alone"
        for other in others:
            if other.backend == pick.backend and other.agreement is not None:
                ratio = f"{pick.ratios[other.backend]:.2f} of {first.backend}'s time"
                return f"eeinfer tune: {other.backend} takes {ratio}, {_told(other.agreement)}"
        tried = [other for other in others if other.backend in pick.ratios]
        told = [f", {other.backend} takes {pick.ratios[other.backend]:.2f} of its time{_but(other)}" for other in tried]
        return f"eeinfer tune: {first.backend} is taken{''.join(told)}"


def _told(agreement: Agreement) -> str:
    if agreement.decisions == 1:
        return "same answers"
    return f"same classes, {agreement.decisions:.2%} of decisions, scores within {agreement.score_error:.0e}"


def _but(other: Candidate) -> str:
    if other.agreement is None or other.agreement.predictions == 1:
        return ""
    return f" and answers {1 - other.agreement.predictions:.1%} otherwise"


def library_version(backend: str) -> str:
    """Return the version of a backend's library, whichever of ONNX Runtime's packages brought it; none: no text."""
    return ", ".join(versions_of(RUNTIME_WHEELS if backend == ONNX_RUNTIME else (backend,)).values())


def choice_path(bundle: Bundle) -> Path | None:
    """Return where the choice for ``bundle`` lies or would lie; None where nothing is kept."""
    place = cache.entry(KIND, bundle.fingerprint, f"{physical_cores()} cores")
    return None if place is None else place.with_suffix(".json")


def find_choice(bundle: Bundle) -> Choice | None:
    """Return the choice for ``bundle``; None where there is none, or one among other versions than are installed."""
    path = choice_path(bundle)
    choice = _read(path, f"eeinfer tune {bundle.path}")
    if choice is None:
        return None
    changed = _changed(choice)
    if changed:
        log.info("%s is not used: another version of %s is installed now", path, ", ".join(changed))
        return None
    return choice


def _read(path: Path | None, mend: str) -> Choice | None:
    return find_record(path, Choice, _check, version=CHOICE_VERSION, most_bytes=_MOST_BYTES, mend=mend)


def _changed(choice: Choice) -> list[str]:
    return [each.backend for each in choice.candidates if library_version(each.backend) != each.version]


def kept_choices() -> list[Choice]:
    """Return the choices in this machine's cache that hold for what is installed, by the names of their bundles."""
    folder = cache.place(KIND, "")
    paths = [] if folder is None else sorted(folder.glob("*.json"))
    read = (_read(path, "eeinfer tune") for path in paths)
    found = [choice for choice in read if choice is not None and not _changed(choice)]
    return sorted(found, key=lambda choice: (choice.bundle, choice.created))


def save_choice(bundle: Bundle, choice: Choice) -> Path | None:
    """Write the choice in one step and return where it lies; None where nothing is kept."""
    return save_record(choice_path(bundle), choice)


def quickest(bundle: Bundle, threads: int | str | None = None, *, process: bool = False) -> str | None:
    """Return the backend that `eeinfer tune` found quicker than ONNX Runtime; None: it found none, or never ran.

    Args:
        bundle: that is about to be opened.
        threads: asked for, a setting of ``eeinfer.backends.threads``.
        process: whether the process is the cascade's own, so that all its sessions may share one pool.

    Raises:
        ConfigError: ``threads`` is no such setting.
    """
    choice = find_choice(bundle)
    pick = _picked(choice, bundle, threads, process=process)
    if choice is None or pick is None:
        return None
    found = _quicker(pick)
    if found is not None:
        log.info("%s", choice.why(pick))
    return found


def _quicker(pick: Pick) -> str | None:
    """Return the backend that is taken before ONNX Runtime; None: there is none, or it does not run here any longer."""
    if pick.backend == ONNX_RUNTIME or pick.backend not in _HOW:
        return None
    reason = _obstacle(pick)
    if reason is not None:
        log.info("backend %s is passed over: %s", pick.backend, reason)
    return pick.backend if reason is None else None


def _obstacle(pick: Pick) -> str | None:
    return openvino.obstacle() if pick.backend == openvino.LIBRARY else None


def preferred(bundle: Bundle, names: tuple[str, ...], threads: int | str | None = None) -> tuple[str, ...]:
    """Put first what `eeinfer tune` found quickest, unless the process has one pool for all its sessions."""
    return _first(None if shared_threads() is not None else quickest(bundle, threads), names)


def _first(found: str | None, names: tuple[str, ...]) -> tuple[str, ...]:
    if shared_threads() is not None:  # a runtime that is named, and another library, would bring a second pool
        return names[-1:] if os.environ.get(ONNXRUNTIME) else names
    return names if found is None else (found, *names)


def by_itself(bundle: Bundle, threads: int | str | None = None) -> tuple[str, str]:
    """Return what ``eeinfer.load`` takes by itself on the CPU, if that opens the bundle, and a sentence on why that."""
    choice, pool = find_choice(bundle), shared_threads()
    pick = _picked(choice, bundle, threads if pool is None else pool, process=pool is not None)
    names = _first(None if pick is None or pool is not None else _quicker(pick), ON_CPU)
    backend = next(name for name in names if name != _NATIVE or obstacle() is None)
    return backend, _sentence(backend, _why(choice, pick, backend))


def how(bundle: Bundle, backend: str, threads: int | str | None = None, *, named: bool) -> str:
    """Return a sentence on what runs ``bundle`` on the CPU, and why that.

    Args:
        bundle: that is open.
        backend: which runs it.
        threads: that were asked for.
        named: whether the backend was asked for by its name.
    """
    if named:
        return _sentence(backend, "it was asked for")
    taken, told = by_itself(bundle, threads)
    return told if backend == taken else _sentence(backend, f"{taken} was passed over")


def _sentence(backend: str, why: str) -> str:
    return f"{_HOW.get(backend, backend)}: {why}"


def _why(choice: Choice | None, pick: Pick | None, backend: str) -> str:
    if choice is not None and pick is not None:
        if pick.backend == backend or {pick.backend, backend} <= {ONNX_RUNTIME, _NATIVE}:
            return choice.why(pick)
        if (reason := _obstacle(pick)) is not None:
            return f"eeinfer tune chose {pick.backend}; {reason}"
    if backend == ONNX_RUNTIME:
        return obstacle() or f"{ONNXRUNTIME} names another runtime for the compiled loop"
    return "it is there"


def _picked(choice: Choice | None, bundle: Bundle, threads: int | str | None, *, process: bool) -> Pick | None:
    """Return what is taken; None where nothing was tried for what is asked, such as a pool that one library has."""
    if choice is None:
        return None
    if threads is None:
        return choice.pick(process=process)
    plan = as_threads(threads, [segment.flops for segment in bundle.manifest.segments])
    return choice.pick(max(plan.counts), process=process) if plan.mode == PARKED else None


def _check(choice: Choice) -> None:
    known = {candidate.backend for candidate in choice.candidates}
    for pick in choice.picks:
        if pick.backend not in pick.ratios or not pick.ratios.keys() == pick.settings.keys() <= known:
            raise EeinferError(f"it takes backend {pick.backend!r}, which is none of its candidates")
    if {pick.process for pick in choice.picks if pick.threads is None} != {False, True}:
        raise EeinferError("it does not say what is taken where no number of threads is asked for")

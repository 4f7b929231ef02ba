"""Which backend is taken, and with how many threads: the quickest of those that answer as ONNX Runtime does."""

from collections.abc import Iterator, Mapping, Set
from datetime import datetime, timezone

import msgspec
import numpy as np

from eeinfer.backends.chosen import Candidate, Choice, Pick
from eeinfer.backends.profile import Profile, Trial
from eeinfer.backends.threads import PARKED, SHARED
from eeinfer.bench.environment import processor

# Of ONNX Runtime's time: a library that has pools of its own and takes one call at a time has to gain more than noise.
_WORTH_IT = 0.98
_SAME_SCORE = 1e-4  # what float32 kernels of two libraries may be apart
_LEAST_COMPARED = 0.5  # of every exit's rows: who was asked too little is not known


def chosen(bundle: str, profiles: Mapping[str, Profile], candidates: tuple[Candidate, ...]) -> Choice:
    """Compare the backends' settings, which were measured in the same rounds.

    Args:
        bundle: the name of what was tuned.
        profiles: of every backend that runs it, ONNX Runtime's first.
        candidates: the same backends, and how their answers agree.
    """
    return Choice(
        bundle=bundle,
        candidates=candidates,
        picks=tuple(_picks(profiles, {each.backend for each in candidates if _is_sound(each)})),
        processor=processor(),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def _is_sound(candidate: Candidate) -> bool:
    """Whether it answers alike, and decides otherwise only where a score is as close to tau as kernels are apart."""
    found = candidate.agreement
    if found is None:
        return True
    return found.predictions == 1 and found.score_error <= _SAME_SCORE and found.compared >= _LEAST_COMPARED


def _picks(profiles: Mapping[str, Profile], sound: Set[str]) -> Iterator[Pick]:
    first = next(iter(profiles))
    settings = {trial.threads for trial in profiles[first].trials}
    counts = [count for count in range(1, profiles[first].cores + 1) if f"{PARKED}:{count}" in settings]
    for threads in (None, *counts):
        whole = _pick(profiles, sound, threads, process=True)
        beside = _pick(profiles, sound, threads, process=False)
        if whole.backend != first:  # no pool is made then, and what is opened is what `eeinfer.load` takes
            beside = msgspec.structs.replace(beside, backend=whole.backend)
        yield from (whole, beside)


def _pick(profiles: Mapping[str, Profile], sound: Set[str], threads: int | None, *, process: bool) -> Pick:
    found = {backend: _trial(profile, threads, process=process) for backend, profile in profiles.items()}
    tried = {backend: trial for backend, trial in found.items() if trial is not None}
    first = next(iter(profiles))
    ratios = {backend: float(np.mean(np.divide(trial.ms, tried[first].ms))) for backend, trial in tried.items()}
    quicker = [backend for backend in ratios if backend in sound and ratios[backend] < _WORTH_IT]
    return Pick(
        process=process,
        threads=threads,
        backend=min(quicker, key=lambda backend: ratios[backend], default=first),
        settings={backend: trial.threads for backend, trial in tried.items()},
        ratios=ratios,
    )


def _trial(profile: Profile, threads: int | None, *, process: bool) -> Trial | None:
    """Return the setting that is taken there; None where none was tried."""
    if threads is None:
        wanted = [profile.process if process else profile.threads]
    else:
        wanted = [f"{SHARED}:{threads}", f"{PARKED}:{threads}"] if process else [f"{PARKED}:{threads}"]
    return next((trial for name in wanted for trial in profile.trials if trial.threads == name), None)

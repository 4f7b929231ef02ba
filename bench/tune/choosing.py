"""Which backend is taken: the quickest of those that answer as ONNX Runtime does."""

from collections.abc import Mapping
from datetime import datetime, timezone

import numpy as np

from eeinfer.backends.chosen import Candidate, Choice
from eeinfer.backends.profile import Profile
from eeinfer.bench.environment import processor
from eeinfer.bundle.folder import Bundle
from eeinfer.loading import load
from eeinfer.machine.versions import version_of

_ROWS, _BATCH = 64, 8  # compared, and at once
_SAME_SCORE = 1e-4  # what float32 kernels of two libraries may be apart
# Of ONNX Runtime's time: a library that has pools of its own and takes one call at a time has to gain more than noise.
_WORTH_IT = 0.98


def chosen(bundle: Bundle, profiles: Mapping[str, Profile], *, seed: int) -> Choice:
    """Compare the backends' best settings, which were measured in the same rounds.

    Args:
        bundle: that was tuned.
        profiles: of every backend that runs it, ONNX Runtime's first.
        seed: of the rows on which answers are compared.
    """
    (first, best), *others = profiles.items()
    found = [_candidate(first, best, best, (1.0, 0.0))]
    found += [_candidate(name, other, best, _agreement(bundle, first, name, seed)) for name, other in others]
    sound = [each for each in found[1:] if each.agreement == 1 and each.score_error <= _SAME_SCORE]
    quickest = min((each for each in sound if each.ratio < _WORTH_IT), key=lambda each: each.ratio, default=found[0])
    return Choice(
        bundle=bundle.manifest.name,
        backend=quickest.backend,
        candidates=tuple(found),
        processor=processor(),
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
    )


def _candidate(backend: str, profile: Profile, best: Profile, same: tuple[float, float]) -> Candidate:
    ms, base = profile.trials[0].ms, best.trials[0].ms
    agreement, error = same
    return Candidate(
        backend=backend,
        version=version_of(backend) or "",
        threads=profile.trials[0].threads,
        ms=ms,
        ratio=float(np.mean(np.divide(ms, base))),
        agreement=agreement,
        score_error=error,
    )


def _agreement(bundle: Bundle, one: str, other: str, seed: int) -> tuple[float, float]:
    """Return the share of equal classes and the largest difference of a score, on noise, over all exits."""
    spec = bundle.manifest.input.tensor
    noise = np.random.default_rng(seed).standard_normal((_ROWS, *spec.sizes())).astype(spec.dtype)
    with load(bundle.path, backend=one) as first, load(bundle.path, backend=other) as second:
        parts = [
            (first.all_exits(noise[start : start + _BATCH]), second.all_exits(noise[start : start + _BATCH]))
            for start in range(0, _ROWS, _BATCH)
        ]
    same = np.mean([mine.predictions == theirs.predictions for mine, theirs in parts])
    apart = np.nan_to_num([np.abs(mine.scores - theirs.scores) for mine, theirs in parts])
    return float(same), float(apart.max())

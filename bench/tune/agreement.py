"""How the answers of two backends compare: scores, classes, and what the rule makes of the scores."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import count_rows, take
from eeinfer.backends.chosen import Agreement
from eeinfer.bench.tune.noise import noise
from eeinfer.bundle.folder import Bundle
from eeinfer.engine import Engine
from eeinfer.loading import load
from eeinfer.result import AllExits
from eeinfer.rule import leaves

_ROWS, _BATCH = 64, 8  # compared, and at once


def agreement(bundle: Bundle, one: str, other: str, *, images: Any, seed: int) -> Agreement:
    """Compare all exits' answers to the same rows, decisions at the thresholds of the bundle and of its parity report.

    Args:
        bundle: that both run.
        one: the name of a backend.
        other: the name of the backend that is compared with it.
        images: whose first rows are taken, as an engine takes them; None draws noise, from faint to strong.
        seed: of the noise.

    Raises:
        ConfigError, BundleError: one of them does not run it.
    """
    rows = noise(bundle.manifest.input.tensor, _ROWS, seed, mixed=True) if images is None else images
    count = min(_ROWS, count_rows(rows))
    with load(bundle.path, backend=one) as first, load(bundle.path, backend=other) as second:
        mine, theirs = ([*_answers(engine, rows, count)] for engine in (first, second))
    scores, others = (np.concatenate([part.scores for part in parts]) for parts in (mine, theirs))
    classes, other_classes = (np.concatenate([part.predictions for part in parts]) for parts in (mine, theirs))
    taus = tuple(sorted({*bundle.manifest.taus, *bundle.manifest.parity.taus}))
    return Agreement(
        rows=count,
        taus=taus,
        decisions=float(np.mean([_decided(scores, tau) == _decided(others, tau) for tau in taus])),
        predictions=float(np.mean(classes == other_classes)),
        score_error=float(np.nan_to_num(np.abs(scores - others)).max()),
    )


def _answers(engine: Engine, rows: Any, count: int) -> Iterator[AllExits]:
    for start in range(0, count, _BATCH):
        yield engine.all_exits(take(rows, np.arange(start, min(start + _BATCH, count))))


def _decided(scores: NDArray[Any], tau: float) -> NDArray[Any]:
    return np.asarray(leaves(scores, np.float32(tau)))

"""Two engines of one bundle, by different libraries: the same decisions, and numbers as near as float32 kernels are."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer import Engine
from eeinfer.export.parting import parting_taus

LOGITS, SCORES = 1e-4, 1e-5  # how far two libraries may be apart: of a logit beyond 1 relative, of a score absolute
ALONE = 3  # rows that are asked for one by one too

Inputs = Mapping[str, NDArray[Any]]


def thresholds(scores: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """None leave early, all at once, some at every exit in three ways, and those that are exactly a row's scores."""
    known, exits = np.clip(scores, 0, 1), scores.shape[1]
    median = np.median(known, axis=0)
    some = [parting_taus(scores), median, np.full(exits, np.median(median)), known[len(known) // 2]]
    return [np.asarray(taus, np.float32) for taus in (np.ones(exits), np.zeros(exits), *some)]


def check_agreement(ours: Engine, theirs: Engine, given: Inputs) -> None:
    """Hold every exit's answers of ``ours`` against those of ``theirs``, then cascades, in a batch and row by row."""
    one, other = ours.all_exits(given), theirs.all_exits(given)
    np.testing.assert_allclose(one.logits, other.logits, rtol=LOGITS, atol=LOGITS)
    np.testing.assert_allclose(one.scores, other.scores, rtol=0, atol=SCORES)
    decided = ~tied(other.logits)
    np.testing.assert_array_equal(one.predictions[decided], other.predictions[decided])
    assert decided.mean() > 0.9
    for tau in thresholds(other.scores):
        check_cascades(ours, theirs, given, tau)
        for row in range(min(ALONE, len(other.scores))):
            check_cascades(ours, theirs, {name: array[row : row + 1] for name, array in given.items()}, tau)


def check_cascades(ours: Engine, theirs: Engine, given: Inputs, tau: NDArray[np.float32]) -> None:
    """Rows that come near no threshold leave where they do by the other library, with the same answer."""
    mine, yours = ours(given, tau=tau), theirs(given, tau=tau)
    clear = ~(mine.near_tau | yours.near_tau)
    np.testing.assert_array_equal(mine.exits[clear], yours.exits[clear])
    same = mine.exits == yours.exits
    np.testing.assert_allclose(mine.logits[same], yours.logits[same], rtol=LOGITS, atol=LOGITS)
    np.testing.assert_allclose(mine.scores[same], yours.scores[same], rtol=0, atol=SCORES)
    same &= ~tied(yours.logits)
    np.testing.assert_array_equal(mine.predictions[same], yours.predictions[same])


def tied(logits: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether the two largest logits of a row are as near as the libraries may be apart: either may be the answer."""
    best = np.sort(logits, axis=-1)[..., -2:]
    return best[..., 1] - best[..., 0] <= 2 * LOGITS * np.maximum(1, np.abs(best).max(-1))

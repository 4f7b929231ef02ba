"""The operating points that a bundle is measured at: four families of thresholds.

- linspace: one tau for all exits, evenly over [0, 1].
- log: one tau for all exits, evenly in the logarithm of the entropy; for scores that are 1 - H / ln K.
- patience: the few taus that tell scores apart which are multiples of 1/E, as run lengths over the exits are.
- budget: a vector per point, fitted to shares of images leaving at each exit (`eeinfer.bench.sweep.quantiles`).

Shapes: N rows, E exits, T points.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.bench.sweep.quantiles import BUDGETS, budget_taus
from eeinfer.errors import InputError

Array = NDArray[Any]

LINSPACE, LOG, PATIENCE, BUDGET = "linspace", "log", "patience", "budget"
PARAMETERS = {LINSPACE: "tau", LOG: "entropy", PATIENCE: "patience", BUDGET: "budget"}
_ENTROPIES = (1e-4, 10.0)  # nats, the range of BranchyNet's sweeps
_NEAR = 1e-4  # of a run length: far above float32's rounding, far below the step of 1


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Operating points of one family."""

    family: str
    points: Array  # [T], what PARAMETERS[family] is at each point
    taus: Array  # [T, E] float64

    def part(self, points: Array) -> "Grid":
        """Pick points by their positions."""
        return Grid(family=self.family, points=self.points[points], taus=self.taus[points])

    def plus(self, taus: Array) -> "Grid":
        """Append thresholds [E] that are no point of the family; they have no number."""
        points = np.append(self.points.astype(np.float64), np.nan)
        return Grid(family=self.family, points=points, taus=np.vstack([self.taus, taus]))


def linspace_grid(count: int, exits: int) -> Grid:
    """Return ``count`` points evenly over [0, 1], both ends included, as the paper's protocol has 100 of them."""
    taus = np.linspace(0.0, 1.0, count)
    return _same_for_all(LINSPACE, taus, taus, exits)


def log_grid(count: int, exits: int, classes: int) -> Grid:
    """Return at most ``count`` points evenly in the logarithm of the entropy, and both ends of the score.

    An entropy H below T nats is a score 1 - H / ln K above 1 - T / ln K; entropies above ln K, which is the largest
    there is, fall together at 0. The points are these T (BranchyNet, Teerapittayanon et al. 2016).
    """
    most = math.log(classes)
    inner = 1 - np.geomspace(*_ENTROPIES, count - 2) / most
    taus = np.unique(np.clip([0.0, *inner, 1.0], 0, 1).astype(np.float32)).astype(np.float64)
    return _same_for_all(LOG, (1 - taus) * most, taus, exits)


def patience_grid(exits: int) -> Grid:
    """Return the patiences t = 0 .. E: a row leaves when more than t exits in a row agree (the benchmark's PBEE).

    t = 0 leaves at the first exit; t = E, as t = E - 1 already where scores are run lengths, runs to the end. Each tau
    stands half-way between two scores, (t + 1/2) / E, as those of `eeinfer.training.methods.pabee.patience_tau`: a
    score that some device rounds up must not pass.
    """
    patience = np.arange(exits + 1)
    return _same_for_all(PATIENCE, patience, np.minimum((patience + 0.5) / exits, 1), exits)


def budget_grid(scores: Array) -> Grid:
    """Return MSDNet's 39 budgets, fitted on ``scores`` [N, E], which no reported number may be computed from."""
    return Grid(family=BUDGET, points=np.array(BUDGETS), taus=np.stack([budget_taus(scores, p) for p in BUDGETS]))


def are_multiples(scores: Array) -> bool:
    """Whether every finite score of ``scores`` [N, E] is a multiple of 1/E, up to rounding."""
    steps = scores[np.isfinite(scores)] * scores.shape[1]
    return bool(steps.size) and bool((np.abs(steps - np.round(steps)) < _NEAR).all())


def family_for(wish: str, score: str, scores: Array) -> str:
    """Return the family for exits that are judged by ``score``, whose values on the data are ``scores`` [N, E].

    Raises:
        InputError: the family that was wished for says nothing about such scores.
    """
    few = score == "own" and are_multiples(scores)
    if wish == "auto":
        return LOG if score == "entropy" else PATIENCE if few else LINSPACE
    if wish == LOG and score != "entropy":
        raise InputError(f"the grid 'log' is one of entropies, and this bundle's score is {score}; take linspace")
    if wish == PATIENCE and not few:
        raise InputError(
            f"the grid 'patience' is for scores of the method's own that are multiples of 1/{scores.shape[1]}, one per "
            f"exit; this bundle's score is {score} with other values; take linspace"
        )
    return wish


def make_grid(family: str, scores: Array, *, count: int, classes: int) -> Grid:
    """Make the points of ``family``.

    Args:
        family: linspace, log, patience or budget.
        scores: [N, E]; those of budget's calibration images.
        count: points of linspace and log; the others have as many as they have.
        classes: of the network, the K of log.
    """
    exits = scores.shape[1]
    makers: dict[str, Callable[[], Grid]] = {
        LINSPACE: lambda: linspace_grid(count, exits),
        LOG: lambda: log_grid(count, exits, classes),
        PATIENCE: lambda: patience_grid(exits),
        BUDGET: lambda: budget_grid(scores),
    }
    return makers[family]()


def _same_for_all(family: str, points: Array, taus: Array, exits: int) -> Grid:
    return Grid(family=family, points=points, taus=np.tile(taus[:, np.newaxis], (1, exits)))

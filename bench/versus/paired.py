"""Whether one bundle answers better than another: judged by the images that only one of them gets right.

Both see the same images, so most of what makes an accuracy uncertain, which images were drawn, meets both alike. Two
intervals that overlap hide that; a test on pairs does not.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from eeinfer.bench.reporting.records import Record
from eeinfer.thresholds.binomial import cdf

_DRAWS = 10_000  # of the bootstrap
_LEVEL = 95  # percent between both ends of its interval
SURE = 0.05  # a corrected p below it is more than chance explains


class Paired(Record, frozen=True, kw_only=True):
    """Two bundles on the same images, both at their own thresholds."""

    one: str  # label
    other: str
    only_one: int  # images that the first alone gets right
    only_other: int
    difference: float  # accuracy of the other minus that of the first
    interval: tuple[float, float]  # 95 % of that difference
    p: float  # of so uneven a split or a more uneven one if both were equally good
    p_corrected: float  # for as many pairs as were looked at

    @property
    def sure(self) -> bool:
        """Whether one of them is better by more than chance explains."""
        return self.p_corrected < SURE


def paired(right: dict[str, NDArray[np.bool_]], seed: int) -> tuple[Paired, ...]:
    """Compare every two bundles.

    The p value is McNemar's test in its exact form: of the images that one bundle alone gets right, each is as likely
    to be the one's as the other's. McNemar, "Note on the sampling error of the difference between correlated
    proportions or percentages", Psychometrika 12, 1947; recommended for two classifiers that were trained once by
    Dietterich, "Approximate statistical tests for comparing supervised classification learning algorithms", Neural
    Computation 10, 1998, section 3.1. Over several pairs it is corrected as Holm does, "A simple sequentially rejective
    multiple test procedure", Scandinavian Journal of Statistics 6, 1979. The interval is the paired bootstrap over
    images, by percentiles: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13.

    Args:
        right: label -> whether each image [N] is answered right, the images the same for all.
        seed: of the bootstrap.
    """
    draw = np.random.default_rng(seed)
    pairs = [(one, other, *_split(right[one], right[other])) for one, other in combinations(right, 2)]
    chances = [mcnemar(mine, theirs) for _, _, mine, theirs in pairs]
    return tuple(
        Paired(
            one=one,
            other=other,
            only_one=mine,
            only_other=theirs,
            difference=(theirs - mine) / len(right[one]),
            interval=_interval(mine, theirs, len(right[one]), draw),
            p=p,
            p_corrected=corrected,
        )
        for (one, other, mine, theirs), p, corrected in zip(pairs, chances, holm(chances), strict=True)
    )


def mcnemar(mine: int, theirs: int) -> float:
    """Return the two-sided exact p value of ``mine`` against ``theirs`` images that one side alone gets right."""
    rows = mine + theirs
    return min(1.0, 2 * cdf(min(mine, theirs), rows, 0.5)) if rows else 1.0


def holm(chances: Sequence[float]) -> list[float]:
    """Return the p values corrected for their number: the k-th smallest of n times n - k + 1, never falling."""
    corrected, highest = list(chances), 0.0
    for place, at in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
        highest = max(highest, min(1.0, (len(chances) - place) * chances[at]))
        corrected[at] = highest
    return corrected


def _split(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> tuple[int, int]:
    return int((one & ~other).sum()), int((other & ~one).sum())


def _interval(mine: int, theirs: int, images: int, draw: np.random.Generator) -> tuple[float, float]:
    """Draw as many images anew, with replacement: only how many of each kind come up matters for the difference."""
    kinds = np.array([mine, theirs, images - mine - theirs]) / images
    drawn = draw.multinomial(images, kinds, _DRAWS)
    beside = (100 - _LEVEL) / 2
    low, high = np.percentile((drawn[:, 1] - drawn[:, 0]) / images, (beside, 100 - beside))
    return float(low), float(high)

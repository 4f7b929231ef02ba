"""Differences between regimes, seed by seed: runs of one seed share their data, and mixed and disjoint their phase 1.

The interval is a percentile bootstrap over seeds (Efron, 1979), 95 %. With n seeds there are few distinct resamples
(10 for three), so the interval of three seeds reaches from the smallest difference to the largest, and that of two is
no more than the pair itself: it tells how much seeds differ, not how much other test images would.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from eeinfer.bench.study.results.shapes import Difference, Row

_RESAMPLES, _COVERED = 10_000, 0.95


def differences_between(rows: Sequence[Row]) -> tuple[Difference, ...]:
    """Return, for rows alike in all but the regime, how much better each is than each of those before it."""
    return tuple(
        found
        for first, second in itertools.combinations(rows, 2)
        if _context(first) == _context(second)
        for found in _differences(second, first)
    )


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the mean of `values`; the same for the same values."""
    data = np.asarray(values, np.float64)
    picks = np.random.default_rng(0).integers(0, len(data), (_RESAMPLES, len(data)))
    low, high = np.quantile(data[picks].mean(axis=1), ((1 - _COVERED) / 2, (1 + _COVERED) / 2))
    return float(low), float(high)


def _differences(ours: Row, theirs: Row) -> list[Difference]:
    found, (labels, rule, cost) = [], _context(ours)
    for one, other in zip(ours.cells, theirs.cells, strict=True):
        by_seed = {
            seed: accuracy - dict(zip(theirs.seeds, other.by_seed, strict=False))[seed]
            for seed, accuracy in zip(ours.seeds, one.by_seed, strict=False)
            if other.by_seed and seed in theirs.seeds
        }
        if by_seed:
            low, high = interval([*by_seed.values()]) if len(by_seed) > 1 else (None, None)
            found.append(
                Difference(
                    labels=labels,
                    first=ours.labels["regime"],
                    second=theirs.labels["regime"],
                    rule=rule,
                    cost=cost,
                    fraction=one.fraction,
                    seeds=tuple(by_seed),
                    by_seed=tuple(by_seed.values()),
                    mean=float(np.mean([*by_seed.values()])),
                    low=low,
                    high=high,
                )
            )
    return found


def _context(row: Row) -> tuple[dict[str, str], str, str]:
    return {name: value for name, value in row.labels.items() if name != "regime"}, row.rule, row.cost

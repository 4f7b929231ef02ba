"""Differences between groups alike in all but one factor, seed by seed: runs of one seed share their data, and many
of them their phase 1.

The interval is a percentile bootstrap over seeds (Efron, 1979), 95 %. With n seeds there are few distinct resamples
(10 for three), so the interval of three seeds reaches from the smallest difference to the largest, and that of two is
no more than the pair itself: it tells how much seeds differ, not how much other test images would.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from eeinfer.bench.study.results.budgets import row_of
from eeinfer.bench.study.results.groups import Group
from eeinfer.bench.study.results.shapes import Difference, Row

_RESAMPLES, _COVERED = 10_000, 0.95


def differences_between(groups: Sequence[Group], rule: str, cost: str) -> tuple[Difference, ...]:
    """Return, for groups alike in all but one factor, how much better each is than each of those before it.

    Only groups whose network without heads costs the same are compared, or a budget would mean two things. Thresholds
    are chosen on the seeds that both have: in a study that is not finished one may have more.
    """
    return tuple(
        found
        for first, second in itertools.combinations(groups, 2)
        if (factor := _only_factor(first, second)) is not None and first.first.static_flops == second.first.static_flops
        for found in _of_pair(factor, second, first, rule, cost)
    )


def _only_factor(one: Group, other: Group) -> str | None:
    """Return the factor in which two groups differ; None where they differ in more."""
    names = [name for name in one.labels if one.labels[name] != other.labels.get(name)]
    return names[0] if len(names) == 1 and one.labels.keys() == other.labels.keys() else None


def _of_pair(factor: str, ours: Group, theirs: Group, rule: str, cost: str) -> list[Difference]:
    seeds = tuple(seed for seed in ours.seeds if seed in theirs.seeds)
    if not seeds:
        return []
    one, other = row_of(ours.only(seeds), rule, cost), row_of(theirs.only(seeds), rule, cost)
    return [] if one is None or other is None else _differences(factor, one, other)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the mean of `values`; the same for the same values."""
    data = np.asarray(values, np.float64)
    picks = np.random.default_rng(0).integers(0, len(data), (_RESAMPLES, len(data)))
    low, high = np.quantile(data[picks].mean(axis=1), ((1 - _COVERED) / 2, (1 + _COVERED) / 2))
    return float(low), float(high)


def _differences(factor: str, ours: Row, theirs: Row) -> list[Difference]:
    found = []
    for one, other in zip(ours.cells, theirs.cells, strict=True):
        if not one.by_seed or not other.by_seed:
            continue
        by_seed = tuple(mine - yours for mine, yours in zip(one.by_seed, other.by_seed, strict=True))
        low, high = interval(by_seed) if len(by_seed) > 1 else (None, None)
        found.append(
            Difference(
                factor=factor,
                labels={name: value for name, value in ours.labels.items() if name != factor},
                first=ours.labels[factor],
                second=theirs.labels[factor],
                rule=ours.rule,
                cost=ours.cost,
                fraction=one.fraction,
                seeds=ours.seeds,
                by_seed=by_seed,
                mean=float(np.mean(by_seed)),
                low=low,
                high=high,
            )
        )
    return found

"""The 25 / 50 / 75 / 100 / Max table, with thresholds that are chosen on other images than they are reported on.

The two selection rules are those of `eeinfer.bench.sweep.budget` (METHODS 4.11 and 7.6). `largest affordable tau`, the
paper's, averages over seeds at equal thresholds and then selects; `best affordable accuracy`, that of ZTW, selects seed
by seed and then averages. Both select on validation images here and are reported on test images: the paper selects on
its test images, which matters little to the first rule, as no label enters, and flatters the second.
"""

import numpy as np
from numpy.typing import NDArray

from eeinfer.bench.study.records import Curve, RunRecord
from eeinfer.bench.study.results.groups import Group, mean_ms_of, mean_of
from eeinfer.bench.study.results.shapes import FLOPS, MS, Cell, Row
from eeinfer.bench.sweep.budget import BEST_AFFORDABLE, FRACTIONS, LAST_AFFORDABLE, best_below, last_within

Floats = NDArray[np.float64]
RULES = (LAST_AFFORDABLE, BEST_AFFORDABLE)
COSTS = (FLOPS, MS)


def row_of(group: Group, rule: str, cost: str) -> Row | None:
    """Return the table row of a group; None in milliseconds where not every exit could be timed."""
    if cost == MS and any(None in record.times.exits_ms for record in group.records):
        return None
    return Row(
        labels=group.labels,
        phases=group.first.phases,
        seeds=group.seeds,
        rule=rule,
        cost=cost,
        cells=tuple(_cell(group, rule, cost, fraction) for fraction in FRACTIONS),
    )


def shares_of(record: RunRecord, curve: Curve, cost: str) -> Floats:
    """Return the mean cost of an image of `curve` at each threshold [T], as a share of the network without heads."""
    if cost == FLOPS:
        return curve.mean(tuple(map(float, record.exit_flops))) / record.static_flops
    return mean_ms_of(record, curve) / record.times.static_ms


def _cell(group: Group, rule: str, cost: str, fraction: float | None) -> Cell:
    chosen = _chosen(group, rule, cost, fraction)
    if chosen is None:
        return Cell(fraction=fraction, accuracy=None, by_seed=(), cost=None, point=None)
    accuracy = group.test_accuracy[np.arange(len(chosen)), chosen]
    costs = [shares_of(record, record.test, cost)[t] for record, t in zip(group.records, chosen, strict=True)]
    return Cell(
        fraction=fraction,
        accuracy=mean_of(accuracy),
        by_seed=tuple(accuracy.tolist()),
        cost=float(np.mean(costs)),
        point=group.first.points[chosen[0]] if len(set(chosen)) == 1 else None,
    )


def _chosen(group: Group, rule: str, cost: str, fraction: float | None) -> list[int] | None:
    """Return the threshold for each seed, chosen on validation images."""
    costs = np.stack([shares_of(record, record.validation, cost) for record in group.records])
    if rule == LAST_AFFORDABLE:
        t = last_within(costs.mean(axis=0), fraction, 1.0)
        return None if t is None else [t] * len(costs)
    each = [
        best_below(record.validation.accuracy, own, fraction, 1.0)
        for record, own in zip(group.records, costs, strict=True)
    ]
    found = [t for t in each if t is not None]
    return found if len(found) == len(each) else None

"""Runs that differ in nothing but the seed, taken together."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from eeinfer.bench.study.records import Curve, RunRecord, StudyPlan
from eeinfer.bench.study.results.shapes import Line, Mean

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Group:
    """The finished runs of one set of labels, by seed."""

    labels: dict[str, str]
    seeds: tuple[int, ...]
    records: tuple[RunRecord, ...]  # in the order of the seeds, at least one

    def only(self, seeds: tuple[int, ...]) -> "Group":
        """Return the runs of these seeds, in their order."""
        by_seed = dict(zip(self.seeds, self.records, strict=True))
        return Group(labels=self.labels, seeds=seeds, records=tuple(by_seed[seed] for seed in seeds))

    @property
    def first(self) -> RunRecord:
        """Any of them: what does not depend on the seed."""
        return self.records[0]

    @property
    def test_accuracy(self) -> Floats:
        """The accuracies on test images, [seeds, T]."""
        return np.stack([record.test.accuracy for record in self.records])


def groups_of(plan: StudyPlan, records: Mapping[str, RunRecord]) -> tuple[Group, ...]:
    """Return the groups of a study of which at least one run is finished, in the order of the plan."""
    found: dict[tuple[tuple[str, str], ...], list[tuple[int, RunRecord]]] = {}
    for point in plan.points:
        if point.key in records:
            found.setdefault(tuple(point.labels.items()), []).append((point.seed, records[point.key]))
    return tuple(
        Group(labels=dict(labels), seeds=tuple(seed for seed, _ in runs), records=tuple(run for _, run in runs))
        for labels, runs in found.items()
    )


def mean_of(values: Floats) -> Mean:
    """Return mean and unbiased deviation of one number per seed."""
    return Mean(mean=float(values.mean()), std=float(values.std(ddof=1)) if len(values) > 1 else None)


def line_of(group: Group) -> Line:
    """Average the curves of a group over its seeds, at equal thresholds."""
    accuracy, first = group.test_accuracy, group.first
    shares = np.mean([np.asarray(record.test.left) / record.test.images for record in group.records], axis=0)
    exits = np.stack([record.test.exit_accuracy for record in group.records], axis=1)
    static = np.array([record.test.static_right / record.test.images for record in group.records])
    return Line(
        labels=group.labels,
        phases=first.phases,
        seeds=group.seeds,
        points=first.points,
        accuracy=_rounded(accuracy.mean(axis=0)),
        accuracy_std=_rounded(accuracy.std(axis=0, ddof=1)) if len(group.seeds) > 1 else None,
        flops=_rounded(np.mean([record.flops for record in group.records], axis=0), 1),
        ms=_rounded(np.mean([mean_ms_of(record, record.test) for record in group.records], axis=0), 5),
        shares=tuple(map(_rounded, shares)),
        exits=tuple(map(mean_of, exits)),
        static=mean_of(static),
        static_flops=first.static_flops,
        static_ms=float(np.mean([record.times.static_ms for record in group.records])),
        exit_flops=first.exit_flops,
    )


def mean_ms_of(record: RunRecord, curve: Curve) -> Floats:
    """Return the milliseconds of an image of `curve` at each threshold [T]: the times of leaving at each exit, weighed.

    So the same times stand behind the curve and the budgets. Where an exit could not be timed: what was measured at
    each threshold, on the sample.
    """
    if None in record.times.exits_ms:
        return np.asarray(record.times.mean_ms)
    # Leaving later takes no less time: where the clock says so, it was disturbed.
    return curve.mean(tuple(np.maximum.accumulate([float(ms or 0) for ms in record.times.exits_ms])))


def _rounded(values: Floats, digits: int = 6) -> tuple[float, ...]:
    return tuple(np.round(values, digits).tolist())

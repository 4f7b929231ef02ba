"""The tables of a report, worked out once more from every exit's answers by other means than those of the report.

Nothing of eeinfer's sweep, rule or budgets is used here: a row's path is walked exit by exit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import eeinfer
from eeinfer import samples
from eeinfer.bench import BenchConfig, Report, measure
from eeinfer.bench.sweep.budget import BEST_AFFORDABLE, LAST_AFFORDABLE

BUDGETS = (Fraction(1, 4), Fraction(1, 2), Fraction(3, 4), Fraction(1), None)


@dataclass
class Point:
    """What the cascade does at one threshold; the cost is the sum over all rows."""

    tau: float
    right: int
    cost: int
    left: list[int]


@pytest.fixture(scope="module")
def found() -> tuple[Report, list[Point], int]:
    """A hundred thresholds of the shipped bundle: reported, and worked out again; and the static network's cost."""
    images, labels = samples.images()
    short = BenchConfig(rounds=1, min_seconds=0, max_seconds=0, warmup=0, pairs=1, threads=1)
    report = measure(samples.bundle_path(), images, labels, short)
    with eeinfer.load(samples.bundle_path(), threads=1) as engine:
        every = engine.all_exits(images)
        costs = [segment.cumulative_flops for segment in engine.manifest.segments]
        static = engine.manifest.flops.static
    points = [walked(tau, every.scores, every.predictions, labels, costs) for tau in np.linspace(0, 1, 100).tolist()]
    return report, sorted(points, key=lambda point: point.cost), static


def walked(tau: float, scores: Any, predictions: Any, labels: Any, costs: Sequence[int]) -> Point:
    """Send every row through the exits until one is sure."""
    limit, point = np.float32(tau), Point(tau, 0, 0, [0] * len(costs))
    for row, label in enumerate(labels):
        exit = 0
        while exit < len(costs) - 1 and not scores[row, exit] > limit:
            exit += 1
        point.right += int(predictions[row, exit] == label)
        point.cost += costs[exit]
        point.left[exit] += 1
    return point


def test_a_hundred_thresholds(found: tuple[Report, list[Point], int]) -> None:
    report, points, _ = found
    rows = report.data.images
    assert len(report.thresholds) == 100
    for row, point in zip(report.thresholds, points, strict=True):
        assert row.taus == (point.tau,) * len(point.left)
        assert (row.accuracy, row.mean_flops) == (point.right / rows, point.cost / rows)
        assert row.shares == tuple(count / rows for count in point.left)


def test_the_largest_affordable_threshold(found: tuple[Report, list[Point], int]) -> None:
    report, points, static = found
    for cell, budget in zip(report.budgets[LAST_AFFORDABLE], BUDGETS, strict=True):
        most = points[-1].cost if budget is None else budget * static * report.data.images
        within = [point for point in points if point.cost <= most]
        if not within:
            assert (cell.point, cell.accuracy, cell.mean_flops) == (None, None, None)
            continue
        last = within[-1]  # costs rise, so none dearer comes before it
        assert (cell.point, cell.accuracy) == (last.tau, last.right / report.data.images)
        assert cell.mean_flops == last.cost / report.data.images


def test_the_best_affordable_accuracy(found: tuple[Report, list[Point], int]) -> None:
    report, points, static = found
    for cell, budget in zip(report.budgets[BEST_AFFORDABLE], BUDGETS, strict=True):
        within = [point for point in points if budget is None or point.cost < budget * static * report.data.images]
        if not within:
            assert (cell.point, cell.accuracy, cell.mean_flops) == (None, None, None)
            continue
        assert cell.accuracy == max(point.right for point in within) / report.data.images
        assert any((cell.point, cell.mean_flops) == (point.tau, point.cost / report.data.images) for point in within)

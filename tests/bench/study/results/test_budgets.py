"""The budget table in cases that can be done by hand. Mean costs at the four thresholds: 25, 45, 65 and 105 of 100."""

import numpy as np
import pytest
from study_records import record

from eeinfer.bench.study.records import RunRecord
from eeinfer.bench.study.results.budgets import row_of
from eeinfer.bench.study.results.groups import Group, line_of
from eeinfer.bench.study.results.shapes import FLOPS, MS, Row
from eeinfer.bench.sweep.budget import BEST_AFFORDABLE, LAST_AFFORDABLE


def group(*records: RunRecord) -> Group:
    return Group(labels={"regime": "mixed"}, seeds=tuple(range(len(records))), records=records)


def row(found: Group, rule: str = LAST_AFFORDABLE, cost: str = FLOPS) -> Row:
    made = row_of(found, rule, cost)
    assert made is not None
    return made


def means(found: Row) -> list[float | None]:
    return [None if cell.accuracy is None else round(cell.accuracy.mean, 6) for cell in found.cells]


def test_the_largest_affordable_threshold_is_taken_without_interpolation() -> None:
    one = row(group(record("a", test=(50, 71, 62, 58))))
    assert means(one) == [0.50, 0.71, 0.62, 0.62, 0.58]  # 105 is above 100 %: Max alone gets the last exit
    assert [cell.point for cell in one.cells] == [0.0, 0.3, 0.6, 0.6, 1.0]
    assert [cell.cost for cell in one.cells] == [0.25, 0.45, 0.65, 0.65, 1.05]


def test_the_best_affordable_accuracy_is_chosen_on_validation_and_reported_on_test() -> None:
    """Best on validation is the second threshold, on test the first. Budgets are strict."""
    one = row(group(record("a", test=(90, 40, 62, 58), validation=(50, 70, 60, 55))), BEST_AFFORDABLE)
    assert means(one) == [None, 0.40, 0.40, 0.40, 0.40]


def test_a_budget_below_the_first_exit_buys_nothing() -> None:
    dear = record("a", test=(50, 71, 62, 58), stayed=(10, 25, 50, 100))  # 33 % at least
    assert means(row(group(dear)))[0] is None
    assert row(group(dear)).cells[0].by_seed == ()


def test_one_rule_averages_before_it_selects_and_the_other_after() -> None:
    cheap = record("a", test=(50, 60, 70, 80), validation=(10, 20, 30, 40), stayed=(0, 10, 20, 100))  # 25 33 41 105
    dear = record("b", test=(40, 50, 60, 70), validation=(40, 30, 20, 10), stayed=(0, 40, 60, 100))  # 25 57 73 105
    assert row(group(cheap, dear)).cells[1].point == 0.3  # mean costs 25, 45, 57
    assert means(row(group(cheap, dear)))[1] == pytest.approx(0.55)
    best = row(group(cheap, dear), BEST_AFFORDABLE).cells[1]
    assert best.by_seed == (0.70, 0.40)
    assert best.point is None  # each has its own


def test_deviations_are_unbiased_over_seeds() -> None:
    cell = row(group(record("a", test=(50, 60, 70, 80)), record("b", test=(54, 60, 70, 80)))).cells[0]
    assert cell.accuracy is not None
    assert cell.accuracy.std == pytest.approx(np.std([0.50, 0.54], ddof=1))
    alone = row(group(record("a", test=(50, 60, 70, 80)))).cells[0].accuracy
    assert alone is not None
    assert alone.std is None


def test_milliseconds_have_budgets_of_their_own() -> None:
    one = row(group(record("a", test=(50, 71, 62, 58))), cost=MS)  # 1, 1.75, 2.5 and 4 of 4 ms
    assert [cell.point for cell in one.cells] == [0.0, 0.3, 0.6, 1.0, 1.0]


def test_without_a_time_for_every_exit_there_is_no_row_in_milliseconds() -> None:
    assert row_of(group(record("a", test=(1, 2, 3, 4), exits_ms=(1.0, None))), LAST_AFFORDABLE, MS) is None


def test_curves_are_averaged_at_equal_thresholds() -> None:
    line = line_of(group(record("a", test=(50, 60, 70, 80)), record("b", test=(60, 60, 80, 80))))
    assert line.accuracy == (0.55, 0.6, 0.75, 0.8)
    assert line.flops == (25.0, 45.0, 65.0, 105.0)
    assert line.shares[1] == (0.75, 0.25)
    assert line.exits[1].mean == 0.8

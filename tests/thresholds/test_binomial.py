"""Closed-form values, and SciPy's."""

import numpy as np
import pytest
from scipy import stats

from eeinfer.thresholds import binomial


@pytest.mark.parametrize(("count", "rows"), [(0, 299), (1, 473), (2, 628), (5, 1049), (10, 1693), (20, 2902)])
def test_rows_needed_for_one_percent_at_95_percent(count: int, rows: int) -> None:
    assert binomial.rows_needed(count, 0.01, 0.05) == rows
    assert binomial.upper_bound(count, rows, 0.05) <= 0.01 < binomial.upper_bound(count, rows - 1, 0.05)


@pytest.mark.parametrize(("rows", "delta"), [(1, 0.05), (100, 0.1), (3000, 0.01)])
def test_no_event_bounds_by_the_root_of_delta(rows: int, delta: float) -> None:
    assert binomial.upper_bound(0, rows, delta) == pytest.approx(1 - delta ** (1 / rows), rel=1e-12)


@pytest.mark.parametrize(("rows", "count", "delta", "bound"), [(1000, 5, 0.05, 0.010484), (1000, 20, 0.1, 0.026950)])
def test_clopper_pearson(rows: int, count: int, delta: float, bound: float) -> None:
    assert binomial.upper_bound(count, rows, delta) == pytest.approx(bound, abs=5e-7)


def test_most_events() -> None:
    assert binomial.most_events(800, 0.05, 0.1) == 31
    assert binomial.most_events(298, 0.01, 0.05) == -1
    assert binomial.most_events(299, 0.01, 0.05) == 0


@pytest.mark.parametrize("rows", [1, 7, 500, 20_000])
def test_everything_as_scipy_has_it(rows: int) -> None:
    for count in {0, rows // 3, rows - 1}:
        for p in (0.003, 0.2, 0.7):
            assert binomial.cdf(count, rows, p) == pytest.approx(stats.binom.cdf(count, rows, p), rel=1e-8, abs=1e-280)
        assert binomial.upper_bound(count, rows, 0.07) == pytest.approx(stats.beta.ppf(0.93, count + 1, rows - count))


def test_the_ends() -> None:
    assert binomial.cdf(-1, 5, 0.5) == 0
    assert binomial.cdf(5, 5, 0.5) == 1
    assert binomial.upper_bound(5, 5, 0.05) == 1


def test_most_events_says_what_the_test_says() -> None:
    for rows in (50, 333, 1200):
        most = binomial.most_events(rows, 0.04, 0.1)
        assert binomial.cdf(most, rows, 0.04) <= 0.1 < binomial.cdf(most + 1, rows, 0.04)


def test_rows_needed_at_a_rate_are_enough_and_hardly_too_many() -> None:
    rows = binomial.rows_needed_at(0.005, 0.01, 0.05)
    assert rows is not None
    assert binomial.cdf(int(np.ceil(0.005 * rows)), rows, 0.01) <= 0.05
    assert binomial.cdf(int(np.ceil(0.005 * 0.9 * rows)), int(0.9 * rows), 0.01) > 0.05
    assert binomial.rows_needed_at(0.01, 0.01, 0.05) is None

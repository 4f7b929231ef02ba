"""Bounds of a mean: closed-form values, another library's, and how often they are wrong."""

import numpy as np
import pytest
from mapie.risk_control import methods as mapie
from scipy import stats

from eeinfer.thresholds.betting import log_capital, rows_needed_at
from eeinfer.thresholds.bounds import BETTING, BOUNDS, CLOPPER_PEARSON, HOEFFDING_BENTKUS, p_values, upper_bound


def p_value(losses: np.ndarray, limit: float, bound: str, *, delta: float) -> float:
    return float(p_values(losses[np.newaxis], limit, bound, delta=delta)[0])


def events(count: int, rows: int, seed: int = 0) -> np.ndarray:
    losses = np.zeros(rows)
    losses[:count] = 1
    return np.random.default_rng(seed).permutation(losses)


@pytest.mark.parametrize(("rows", "count", "delta", "bound"), [(1000, 5, 0.05, 0.012117), (1000, 20, 0.1, 0.029742)])
def test_hoeffding_bentkus(rows: int, count: int, delta: float, bound: float) -> None:
    assert upper_bound(events(count, rows), HOEFFDING_BENTKUS, delta=delta) == pytest.approx(bound, abs=5e-7)


@pytest.mark.parametrize("count", [0, 3, 40, 99])
def test_hoeffding_bentkus_is_mapies(count: int) -> None:
    limits = [0.02, 0.1, 0.3]
    theirs = mapie.compute_hoeffding_bentkus_p_value(np.array([count / 500]), 500, limits)[0]
    ours = [p_value(events(count, 500), limit, HOEFFDING_BENTKUS, delta=0.1) for limit in limits]
    assert np.minimum(theirs, 1) == pytest.approx(
        [p if count / 500 < x else min(p, 1) for p, x in zip(ours, limits, strict=True)]
    )


def test_betting_is_about_mapies() -> None:
    """Theirs lies on a grid, and joins the largest capitals of two halves."""
    losses = np.random.default_rng(0).beta(1, 9, 600)
    grid = np.linspace(0.09, 0.14, 51)
    table = np.repeat(losses[:, np.newaxis], len(grid), axis=1)
    _, theirs = mapie.get_r_hat_plus(table, grid, "rcps", "wsr", 0.1, 0.25)
    assert upper_bound(losses, BETTING, delta=0.1) == pytest.approx(theirs[0], rel=0.02)


def test_a_count_is_no_mean_times_rows() -> None:
    """floor(29 / 100 * 100) is 28; a bound from it would be too low."""
    assert int(29 / 100 * 100) == 28
    assert upper_bound(events(29, 100), CLOPPER_PEARSON, delta=0.05) == pytest.approx(stats.beta.ppf(0.95, 30, 71))


def test_bounds_are_where_the_test_just_passes() -> None:
    losses = events(7, 400)
    for bound in BOUNDS:
        limit = upper_bound(losses, bound, delta=0.1)
        assert p_value(losses, limit + 1e-6, bound, delta=0.1) <= 0.1 < p_value(losses, limit - 1e-4, bound, delta=0.1)


def test_betting_is_much_the_sharpest_for_losses_that_vary_little() -> None:
    gap = np.zeros(2500)
    gap[:10], gap[10:15] = 1, -1
    unit = (np.random.default_rng(0).permutation(gap) + 1) / 2
    betting, hoeffding = (2 * upper_bound(unit, bound, delta=0.05) - 1 for bound in (BETTING, HOEFFDING_BENTKUS))
    assert 0.002 < betting < 0.006 < 0.03 < hoeffding


@pytest.mark.parametrize("mean", [0.02, 0.5])
def test_a_bet_against_the_truth_is_won_as_rarely_as_promised(mean: float) -> None:
    random = np.random.default_rng(1)
    draws, delta = 1000, 0.1
    seen, losses = (random.random((2, draws, 150)) < mean).astype(float)
    won = log_capital(losses, mean, delta, before=seen) >= np.log(1 / delta)
    assert 0 < won.mean() <= delta + 2 * np.sqrt(delta * (1 - delta) / draws)


def test_rows_seen_before_sharpen_the_bets() -> None:
    losses, before = events(4, 400), events(4, 400, seed=1)
    alone = upper_bound(losses, BETTING, delta=0.05)
    assert upper_bound(losses, BETTING, delta=0.05, before=before) < alone


def test_betting_refutes_nothing_impossible() -> None:
    assert log_capital(np.zeros((1, 10)), 0.0, 0.1) == [0]
    assert log_capital(np.ones((1, 10)), 1.0, 0.1) == [np.inf]


def test_rows_that_a_bet_needs() -> None:
    losses = events(10, 1000)
    rows = rows_needed_at(losses, 0.02, 0.05)
    assert rows is not None
    assert 300 < rows < 1500
    assert rows_needed_at(losses, 0.01, 0.05) is None

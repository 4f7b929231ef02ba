"""MSDNet's calibration against examples worked out on paper."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from eeinfer.bench.sweep.points import sweep
from eeinfer.bench.sweep.quantiles import BUDGETS, budget_shares, budget_taus
from eeinfer.rule import exits_at

# Seven images, three exits. At budget 10 rho is 1/2: shares 4/7, 2/7, 1/7, so four, two and one image.
SCORES = np.array(
    [
        [0.9, 0.1, 0.5],
        [0.8, 0.2, 0.5],
        [0.7, 0.3, 0.5],
        [0.6, 0.99, 0.5],  # the fourth best at exit 0: leaves there, whatever exit 1 thinks of it
        [0.5, 0.4, 0.5],
        [0.4, 0.95, 0.5],
        [0.3, 0.85, 0.5],
    ],
    np.float32,
)


def test_shares_fall_by_rho_from_exit_to_exit() -> None:
    assert budget_shares(10, 3) == pytest.approx([4 / 7, 2 / 7, 1 / 7])
    assert budget_shares(20, 3) == pytest.approx([1 / 3] * 3)
    assert budget_shares(30, 2) == pytest.approx([0.4, 0.6])
    assert (BUDGETS[0], BUDGETS[-1], len(BUDGETS)) == (1, 39, 39)


def test_each_threshold_is_the_score_of_the_last_image_that_has_to_leave_there() -> None:
    taus = budget_taus(SCORES, 10)
    assert [np.nextafter(np.float32(tau), np.float32(1)) for tau in taus[:2]] == [np.float32(0.6), np.float32(0.85)]
    assert taus[2] == 0
    assert exits_at(SCORES, taus).tolist() == [0, 0, 0, 0, 2, 1, 1]


def test_a_threshold_is_a_float32_and_passes_the_very_score_that_made_it() -> None:
    taus = budget_taus(SCORES, 20)  # 7/3: two images at each exit
    assert (taus.astype(np.float32) == taus).all()
    assert exits_at(SCORES, taus).tolist() == [0, 0, 2, 1, 2, 1, 2]


def test_where_fewer_remain_than_should_leave_nobody_does() -> None:
    """All seven tie at exit 0 and leave there, though two should: none remains for exit 1."""
    scores = np.full((7, 3), 0.5, np.float32)
    assert budget_taus(scores, 20).tolist() == [float(np.nextafter(np.float32(0.5), np.float32(0))), 1.0, 0.0]


def test_a_share_of_less_than_one_image_lets_nobody_leave() -> None:
    assert budget_taus(SCORES[:2], 20).tolist() == [1.0, 1.0, 0.0]


def test_scores_at_the_ends_of_the_range_keep_the_thresholds_in_it() -> None:
    ends = np.array([[1.0, 0.0, 0.0]] * 3 + [[0.0, 0.0, 0.0]] * 6, np.float32)
    taus = budget_taus(ends, 20)
    assert taus[0] == np.nextafter(np.float32(1), np.float32(0))
    assert taus[1] == 0  # nothing lies below: rows that score 0 stay, as our rule is strict
    assert exits_at(ends, taus).tolist() == [0] * 3 + [2] * 6


def test_an_image_without_a_score_leaves_last() -> None:
    scores = SCORES.copy()
    scores[0, 0] = np.nan
    assert exits_at(scores, budget_taus(scores, 10))[:5].tolist() == [2, 0, 0, 0, 0]


def distinct(seed: int, rows: int, exits: int) -> NDArray[np.float32]:
    """Scores without ties."""
    draw = np.random.default_rng(seed)
    return (draw.permutation(rows * exits).reshape(rows, exits).astype(np.float32) + 1) / np.float32(rows * exits + 2)


@given(st.integers(0, 10**6), st.integers(1, 200), st.integers(1, 6), st.sampled_from(BUDGETS))
def test_shares_are_met_on_the_calibration_images_within_one_image(seed: int, rows: int, exits: int, p: int) -> None:
    scores = distinct(seed, rows, exits)
    left = np.bincount(exits_at(scores, budget_taus(scores, p)), minlength=exits)
    wanted = rows * budget_shares(p, exits)
    assert (left[:-1] <= wanted[:-1] + 1e-6).all()
    assert (left[:-1] > wanted[:-1] - 1).all()


@given(st.integers(0, 10**6), st.integers(2, 5))
def test_cost_rises_with_the_budget_on_the_calibration_images(seed: int, exits: int) -> None:
    scores = distinct(seed, 300, exits)
    taus = np.stack([budget_taus(scores, p) for p in BUDGETS])
    found = sweep(scores, np.zeros(scores.shape, np.int64), np.zeros(300, np.int64), [*range(1, exits + 1)], taus)
    assert (np.diff(found.mean_flops) >= -exits / 300).all()  # whole images: a share is rounded down at each exit
    assert found.mean_flops[0] < 1.1
    assert found.mean_flops[-1] > exits / 2

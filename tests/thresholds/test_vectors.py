"""One threshold per exit, against trying all of them."""

import itertools

import numpy as np
import pytest

from eeinfer.rule import exits_at
from eeinfer.thresholds.vectors import PRICES, Cuts, vectors


def value(scores: np.ndarray, values: np.ndarray, taus: np.ndarray) -> float:
    return float(values[np.arange(len(scores)), exits_at(scores, taus)].mean())


@pytest.mark.parametrize("seed", range(4))
def test_no_vector_is_better_than_what_is_found(seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = (np.round(random.random((40, 3)) * 12) / 12).astype(np.float32)
    losses = (random.random((40, 3)) < [0.5, 0.3, 0]).astype(float)
    dear = np.tile([1.0, 2.0, 3.0], (40, 1))
    grid = [0.0, *((np.arange(12) + 0.5) / 12), 1.0]
    for price, taus in zip(PRICES, vectors(scores, losses, dear), strict=True):
        values = -(dear / 2 + price * losses)
        best = max(value(scores, values, np.array([a, b, 0])) for a, b in itertools.product(grid, grid))
        assert value(scores, values, taus) == pytest.approx(best)


def test_dear_losses_keep_everybody_and_cheap_ones_nobody() -> None:
    random = np.random.default_rng(0)
    scores = (0.01 + 0.9 * random.random((50, 3))).astype(np.float32)
    losses = np.tile([1.0, 1.0, 0.0], (50, 1))
    low, *_, high = vectors(scores, losses, np.tile([1.0, 2.0, 3.0], (50, 1)))
    assert (exits_at(scores, low) == 0).all()
    assert (exits_at(scores, high) == 2).all()


def test_rows_of_one_score_are_never_parted() -> None:
    cuts = Cuts.of(np.float32([0.5, 0.5, 0.5, 0.9]))
    gains = np.array([[1.0, -5.0, 1.0, 1.0]])  # two of the three equal rows would be worth leaving
    [tau] = cuts.best(gains)
    assert 0.5 <= tau < 0.9
    assert cuts.allowed.tolist() == [True, True, False, False, True]


def test_scores_a_bit_above_one_are_ties_with_one() -> None:
    cuts = Cuts.of(np.float32([1.000001, 1.0, 0.25]))
    assert cuts.allowed.tolist() == [True, False, True, True]
    assert (cuts.taus[1:] < 1).all() or cuts.taus[1] == 1


def test_rows_that_score_nothing_cannot_leave() -> None:
    assert not Cuts.of(np.float32([0.0, 0.3])).allowed[-1]


def test_neighbouring_floats_are_parted() -> None:
    low = np.float32(0.3)
    high = np.nextafter(low, np.float32(1))
    cuts = Cuts.of(np.array([low, high]))
    assert cuts.taus[1] == low  # the rule is strict: only the higher one leaves

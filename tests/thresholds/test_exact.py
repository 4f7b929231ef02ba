"""One tau without a grid, against trying every tau there is."""

import numpy as np
import pytest

from eeinfer.rule import exits_at
from eeinfer.thresholds import binomial
from eeinfer.thresholds.exact import confident_tau, expected_tau, last_losses


def table(seed: int, rows: int = 60, *, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    scores = random.random((rows, 3)).astype(np.float32)
    if ties:
        scores = (np.round(scores * 8) / 8).astype(np.float32)
    return scores, (random.random((rows, 3)) < [0.4, 0.3, 0.0]).astype(float)


def lost(scores: np.ndarray, losses: np.ndarray, tau: float) -> int:
    return int(losses[np.arange(len(scores)), exits_at(scores, tau)].sum())


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_the_tau_is_the_lowest_down_to_which_few_enough_lose(seed: int, ties: bool) -> None:
    scores, losses = table(seed, ties=ties)
    tau = confident_tau(scores, losses, 0.3, 0.1)
    spare = binomial.most_events(60, 0.3, 0.1)
    assert tau is not None
    above = [t for t in np.unique(scores) if t >= tau]
    assert all(lost(scores, losses, float(t)) <= spare for t in [tau, *above])
    assert lost(scores, losses, float(np.nextafter(np.float32(tau), np.float32(0)))) > spare


@pytest.mark.parametrize("seed", range(5))
def test_a_row_never_loses_from_its_last_loss_on(seed: int) -> None:
    scores, losses = table(seed)
    lasts = last_losses(scores, losses)
    for row, last in enumerate(lasts):
        taus = np.linspace(0, 1, 101)
        seen = [losses[row, exits_at(scores[row : row + 1], tau)[0]] > 0 for tau in taus]
        assert not any(seen[int(np.ceil(max(last, 0) * 100)) :])
        assert np.isinf(last) or lost(scores[[row]], losses[[row]], float(np.nextafter(np.float32(last), 0))) == 1


def test_where_losses_only_grow_it_is_the_rank_of_the_last_losses() -> None:
    random = np.random.default_rng(0)
    scores = random.random((800, 2)).astype(np.float32)
    losses = np.stack([random.random(800) < 0.3, np.zeros(800)], axis=1)
    lasts = np.sort(last_losses(scores, losses))
    assert binomial.most_events(800, 0.05, 0.1) == 31
    assert confident_tau(scores, losses, 0.05, 0.1) == lasts[800 - 31 - 1]
    assert expected_tau(lasts, 0.05) == lasts[int(np.ceil(0.95 * 801)) - 1]


def test_the_rank_is_not_one_too_many_by_rounding() -> None:
    lasts = np.arange(1, 10) / 10
    assert 0.9 * 10 == 9
    assert (1 - 0.1) * 10 == 9
    assert (1 - 0.7) * 10 > 3  # 3.0000000000000004
    assert expected_tau(lasts, 0.7) == pytest.approx(0.3)
    assert expected_tau(lasts, 0.05) is None


def test_rows_that_lose_at_the_last_exit_lose_at_any_tau() -> None:
    scores, losses = table(0)
    losses[:20, -1] = 1
    assert np.isinf(last_losses(scores, losses)[:20]).all()
    assert confident_tau(scores, losses, 0.3, 0.1) is None


def test_without_losses_everybody_may_leave() -> None:
    scores, losses = table(0)
    assert confident_tau(scores, 0 * losses, 0.3, 0.1) == 0
    assert confident_tau(scores[:5], 0 * losses[:5], 0.3, 0.1) is None  # five rows show nothing


def test_one_row_that_loses_and_gains_again_costs_nothing_where_it_is_right() -> None:
    """Going down, its loss ends: the count of the real losses stays below that of the last losses."""
    scores = np.tile(np.float32([0.5, 0.9, 1.0]), (30, 1))
    losses = np.tile([0.0, 1.0, 0.0], (30, 1))
    losses[1:] = 0
    assert last_losses(scores, losses)[0] == np.float32(0.9)
    assert confident_tau(scores, losses, 0.3, 0.1) == 0

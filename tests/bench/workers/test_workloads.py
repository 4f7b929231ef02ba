import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from eeinfer.bench.workers.workloads import MIX, dealt, equal_shares, workloads
from eeinfer.rule import exits_at

SCORES = arrays.arrays(
    np.float32,
    st.tuples(st.integers(1, 40), st.integers(1, 5)),
    elements=st.floats(0, 1, width=32) | st.just(float("nan")),
)


def test_a_row_leaves_above_tau_and_not_at_it() -> None:
    scores = np.array([[0.5, 0.9, 0.1], [0.6, 0.0, 0.0], [np.nan, np.nan, np.nan]], np.float32)
    assert exits_at(scores, (0.5, 0.8, 1.0)).tolist() == [1, 0, 2]


def test_each_exit_takes_as_many_rows_as_every_other() -> None:
    scores = np.random.default_rng(0).random((40, 4), np.float32)
    left = exits_at(scores, equal_shares(scores))
    assert np.bincount(left).tolist() == [10, 10, 10, 10]


def test_no_threshold_is_so_near_a_score_that_the_last_bits_decide() -> None:
    scores = np.random.default_rng(0).random((40, 4), np.float32)
    taus = equal_shares(scores)
    nearby = scores * np.float32(1 + 2e-7)
    assert exits_at(nearby, taus).tolist() == exits_at(scores, taus).tolist()


def test_equal_scores_leave_together_at_the_nearest_gap() -> None:
    scores = np.array([[1, 0.5], [1, 0.5], [1, 0.5], [0.2, 0.5], [0.1, 0.5]], np.float32)
    assert exits_at(scores, equal_shares(scores)).tolist() == [0, 0, 0, 1, 1]


@given(SCORES)
def test_thresholds_are_valid_whatever_the_scores(scores: np.ndarray) -> None:
    taus = equal_shares(scores)
    assert len(taus) == scores.shape[1]
    assert all(0 <= tau <= 1 for tau in taus)


def test_the_forced_workloads_leave_at_every_exit_and_the_mix_comes_last() -> None:
    scores = np.full((3, 3), 0.5, np.float32)
    plans = workloads(scores, (0.4, 0.4, 0.0))
    assert [plan.name for plan in plans] == ["exit 0", "exit 1", "never leaving", MIX]
    assert [set(plan.exits) for plan in plans] == [{0}, {1}, {2}, {0}]


@pytest.mark.parametrize("batches", [1, 3, 6])
def test_every_batch_is_dealt_the_same_mix(batches: int) -> None:
    exits = np.repeat([0, 1, 2], 6)
    order = dealt(exits, batches, seed=3)
    assert sorted(order.tolist()) == list(range(18))
    for part in np.split(exits[order], batches):
        assert np.bincount(part, minlength=3).tolist() == [6 // batches] * 3

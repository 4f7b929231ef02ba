import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from eeinfer.bench.timing.sample import systematic_sample


@given(st.integers(1, 200), st.data(), st.integers(0, 5))
def test_the_sample_has_the_wanted_number_of_different_rows(rows: int, data: st.DataObject, seed: int) -> None:
    size = data.draw(st.integers(1, rows))
    sample = systematic_sample(np.zeros(rows), size, seed)
    assert len(set(sample.tolist())) == size
    assert set(sample.tolist()) <= set(range(rows))


def test_the_sample_has_the_same_mix_as_all_rows() -> None:
    cost = np.random.default_rng(0).choice([1.0, 5.0, 9.0], 1000, p=[0.6, 0.3, 0.1])
    for seed in range(20):
        sample = systematic_sample(cost, 50, seed)
        for level in (1.0, 5.0, 9.0):
            assert abs((cost[sample] == level).mean() - (cost == level).mean()) <= 2 / 50


def test_every_row_is_drawn_equally_often() -> None:
    counts = np.zeros(30)
    for seed in range(900):
        counts[systematic_sample(np.arange(30.0), 10, seed)] += 1
    assert (abs(counts / 900 - 1 / 3) < 0.08).all()


def test_a_seed_fixes_the_sample_and_another_one_changes_it() -> None:
    cost = np.arange(100.0)
    first, again, other = (systematic_sample(cost, 10, seed).tolist() for seed in (3, 3, 4))
    assert first == again != other


def test_the_order_says_nothing_about_the_cost() -> None:
    sample = systematic_sample(np.arange(100.0), 20, 0)
    assert sample.tolist() != sorted(sample.tolist())

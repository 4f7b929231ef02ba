import numpy as np

from eeinfer.training.data.split import limited

LABELS = np.repeat([0, 1, 2], [60, 30, 10])


def test_a_limit_keeps_the_share_of_every_class() -> None:
    assert np.bincount(LABELS[limited(LABELS, 20, seed=0)]).tolist() == [12, 6, 2]


def test_a_limit_that_does_not_divide_is_met_all_the_same() -> None:
    drawn = limited(LABELS, 7, seed=0)
    assert len(drawn) == len({*drawn.tolist()}) == 7
    assert np.bincount(LABELS[drawn]).tolist() == [4, 2, 1]


def test_a_smaller_limit_draws_among_what_a_larger_one_draws() -> None:
    assert {*limited(LABELS, 20, seed=3).tolist()} < {*limited(LABELS, 50, seed=3).tolist()}


def test_the_seed_decides() -> None:
    assert limited(LABELS, 20, seed=1).tolist() == limited(LABELS, 20, seed=1).tolist()
    assert limited(LABELS, 20, seed=1).tolist() != limited(LABELS, 20, seed=2).tolist()


def test_no_limit_or_a_large_one_takes_every_image() -> None:
    assert limited(LABELS, None, seed=0).tolist() == limited(LABELS, 1000, seed=0).tolist() == [*range(100)]

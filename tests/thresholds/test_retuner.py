"""Thresholds that follow a stream keep their promise in the long run, whatever the stream does."""

import math
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eeinfer.errors import InputError
from eeinfer.thresholds import Retuner
from eeinfer.thresholds.retuner import REACH

TAUS = (0.9, 0.8, 1.0, 0.0)


def test_it_starts_at_what_it_was_given() -> None:
    assert np.allclose(Retuner(TAUS, max_loss=0.01).tau, TAUS)
    assert math.isnan(Retuner(TAUS, max_loss=0.01).loss)
    assert Retuner(TAUS, max_loss=0.01).bound == math.inf


def test_a_loss_makes_it_safer_and_none_makes_it_faster() -> None:
    retuner = Retuner(TAUS, consistency=0.99, step=1.0)
    assert retuner.saw(1, 2) == 1
    safer = retuner.tau
    assert safer[0] == pytest.approx(1 - 0.1 / 2**0.99, abs=1e-6)
    assert safer[2] == 1.0
    assert retuner.saw(2, 2) == 0
    assert retuner.tau[0] < safer[0]


def test_the_signed_loss_needs_labels() -> None:
    retuner = Retuner(TAUS, max_loss=0.01)
    assert [retuner.saw(1, 2, 2), retuner.saw(2, 1, 2), retuner.saw(1, 1, 2)] == [1, -1, 0]
    with pytest.raises(InputError, match="give the label"):
        retuner.saw(1, 2)


def test_where_all_is_lost_nobody_leaves_early_any_more() -> None:
    retuner = Retuner(TAUS, consistency=0.9, step=1.0)
    while retuner.tau != (1.0,) * 4:
        retuner.saw(1, 2)
    assert retuner.looked <= REACH / 0.9 + 1


@settings(max_examples=200, deadline=None)
@given(
    harm=st.lists(st.floats(0, 1), min_size=1, max_size=40),
    epsilon=st.floats(0.01, 0.5),
    step=st.floats(0.05, 5),
    decay=st.sampled_from([0.0, 0.3, 0.6]),
    seed=st.integers(0, 100),
)
def test_no_stream_can_break_the_bound(harm: list[float], epsilon: float, step: float, decay: float, seed: int) -> None:
    """Streams of any drift: while anybody may leave early, a row is lost with the probability of its part."""
    retuner, random = Retuner(TAUS, consistency=1 - epsilon, step=step, decay=decay), np.random.default_rng(seed)
    for likely in np.repeat(harm, 20):
        lost = retuner.tau != (1.0,) * 4 and random.random() < likely
        retuner.saw(int(lost), 0)
        assert retuner.loss <= retuner.bound + 1e-9


def test_it_stays_on_what_was_promised_through_a_drift() -> None:
    """Scores are uniform; a row left at tau is lost with probability 1 - score, ten times that after the drift."""
    random, lost, looked = np.random.default_rng(0), {1: 0, 10: 0}, {1: 0, 10: 0}
    retuner = Retuner((0.5, 0.0), consistency=0.95, share=1.0)
    for i in range(40_000):
        times = 1 if i < 20_000 else 10
        score = random.random()
        wrong = score > retuner.tau[0] and random.random() < min(1, times * (1 - score) / 2)
        retuner.saw(int(wrong), 0)
        lost[times] += wrong
        looked[times] += 1
    assert lost[1] / looked[1] == pytest.approx(0.05, abs=0.005)
    assert lost[10] / looked[10] == pytest.approx(0.05, abs=0.005)


def test_looks_draws_a_share_of_the_rows() -> None:
    retuner = Retuner(TAUS, max_loss=0.01, share=0.2, seed=3)
    assert sum(retuner.looks() for _ in range(5000)) == pytest.approx(1000, abs=120)
    one, two = (Retuner(TAUS, max_loss=0.01, share=0.2, seed=3) for _ in range(2))
    assert [one.looks() for _ in range(50)] == [two.looks() for _ in range(50)]


def test_threads_may_share_one() -> None:
    retuner = Retuner(TAUS, consistency=0.5)

    def work() -> None:
        for i in range(2000):
            retuner.saw(i % 2, 0)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (retuner.looked, retuner.loss) == (8000, 0.5)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({}, "got none"),
        ({"max_loss": 0.01, "consistency": 0.9}, "got max_loss and consistency"),
        ({"max_loss": 0}, "max_loss is 0"),
        ({"consistency": 1}, "consistency is 1"),
        ({"consistency": math.nan}, "consistency is nan"),
        ({"max_loss": 0.1, "step": 0}, "step is 0"),
        ({"max_loss": 0.1, "share": 0}, "share is 0"),
        ({"max_loss": 0.1, "decay": 1}, "decay is 1"),
        ({"max_loss": 0.1, "seed": -1}, "seed is -1"),
    ],
)
def test_what_cannot_be_kept_is_refused(settings: dict[str, float], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        Retuner(TAUS, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("taus", [0.5, (0.5,), (0.5, 2.0), (0.5, math.nan)])
def test_thresholds_that_are_none_are_refused(taus: object) -> None:
    with pytest.raises(InputError, match="tau"):
        Retuner(taus, max_loss=0.01)  # type: ignore[arg-type]

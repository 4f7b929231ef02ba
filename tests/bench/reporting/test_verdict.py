import msgspec
import numpy as np
import pytest

from eeinfer.bench import Report
from eeinfer.bench.reporting.verdict import advice, break_even, headline_index, saved_ratio


def test_the_headline_is_the_cheapest_threshold_within_the_tolerance() -> None:
    assert headline_index(np.array([0.5, 0.885, 0.89, 0.91, 0.9]), 0.9, 0.01) == 2


def test_the_last_threshold_is_the_headline_where_nothing_else_is_good_enough() -> None:
    assert headline_index(np.array([0.5, 0.6, 0.9]), 0.9, 0.0) == 2


@pytest.mark.parametrize(
    ("ms", "flops", "ratio"),
    [(5, 50, 1.0), (7.5, 50, 0.5), (12, 50, -0.4), (5, 100, None), (5, 108, None), (9.9, 99.5, None)],
)
def test_latency_saved_is_divided_by_flops_saved(ms: float, flops: float, ratio: float | None) -> None:
    assert saved_ratio(ms, 10, flops, 100) == (ratio if ratio is None else pytest.approx(ratio))


def test_an_exit_pays_if_it_fires_more_often_than_its_cost_over_what_it_saves() -> None:
    scores = np.array([[0.9, 0.9, 0.9]] * 3 + [[0.1, 0.9, 0.9]] * 5 + [[0.1, 0.1, 0.9]] * 2, np.float32)
    # leaving takes 1, 2, 4 ms; the cut networks 1.0, 1.8, 3.5: exit 0 costs 0.2 ms, exit 1 0.3 ms
    first, second = break_even(scores, 0.5, [1, 2, 4], [1.0, 1.8, 3.5])
    assert (first.reached, first.fired) == (1.0, pytest.approx(0.3))
    assert first.cost_ms == pytest.approx(0.2)
    assert first.saved_ms == pytest.approx(1.0)  # without exit 0 its rows would leave at exit 1
    assert first.needed == pytest.approx(0.2)
    assert first.pays
    assert (second.reached, second.fired) == (pytest.approx(0.7), pytest.approx(5 / 7))
    assert second.saved_ms == pytest.approx(2.0)
    assert second.needed == pytest.approx(0.15)


def test_an_exit_that_fires_too_seldom_does_not_pay() -> None:
    scores = np.array([[0.9, 0.9]] + [[0.1, 0.9]] * 9, np.float32)
    (only,) = break_even(scores, 0.5, [1, 2], [1.0, 1.5])
    assert only.needed == pytest.approx(0.5)
    assert not only.pays


def test_an_exit_that_never_fires_saves_nothing() -> None:
    (only,) = break_even(np.full((4, 2), 0.1, np.float32), 0.5, [1, 2], [1, 1.9])
    assert (only.saved_ms, only.needed, only.pays) == (None, None, False)


def test_a_cost_below_the_noise_is_no_negative_cost() -> None:
    (only,) = break_even(np.full((4, 2), 0.9, np.float32), 0.5, [1.1, 2], [1, 2])
    assert (only.cost_ms, only.pays) == (0, True)


def timed(report: Report, *, cascade: tuple[float, float], static: tuple[float, float], rounds: int = 5) -> Report:
    """The same with intervals of both times, whose middles are the means."""
    change = msgspec.structs.replace
    ours, theirs = (
        change(old, low_ms=low, high_ms=high, mean_ms=(low + high) / 2)
        for old, (low, high) in (
            (report.thresholds[report.headline].timing, cascade),
            (report.static.timing, static),
        )
    )
    row = change(report.thresholds[report.headline], timing=ours, speedup=theirs.mean_ms / ours.mean_ms)
    rows = tuple(row if at == report.headline else old for at, old in enumerate(report.thresholds))
    settings = change(report.settings, rounds=rounds)
    return change(report, thresholds=rows, static=change(report.static, timing=theirs), settings=settings)


def test_the_advice_is_no_surer_than_the_intervals_of_both_times(report: Report) -> None:
    sure = advice(timed(report, cascade=(0.9, 1.1), static=(1.9, 2.1)))
    assert sure.startswith("Take ")
    assert "2.00 times as fast as the static network" in sure
    assert advice(timed(report, cascade=(1.9, 2.1), static=(0.9, 1.1))).startswith("Early exits do not pay here: at ")
    for cascade in ((0.5, 1.5), (1.4, 2.4)):
        unsure = advice(timed(report, cascade=cascade, static=(1.2, 2.0)))
        assert unsure.startswith("These times do not tell whether early exits pay here: at ")
        assert "the intervals of both means overlap (" in unsure


@pytest.mark.parametrize(("count", "told"), [(1, "By 1 round alone "), (2, "By 2 rounds alone ")])
def test_the_advice_of_one_or_two_rounds_asks_for_more(report: Report, count: int, told: str) -> None:
    looks = advice(timed(report, cascade=(1.0, 1.0), static=(27.0, 27.0), rounds=count))
    assert looks.startswith(told)
    assert "looks 27.00 times as fast as the static network" in looks
    assert looks.endswith("measure again in 3 rounds or more before you go by it.")

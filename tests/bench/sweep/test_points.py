from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

import eeinfer
from eeinfer.bench.sweep.grids import linspace_grid
from eeinfer.bench.sweep.points import sweep
from eeinfer.errors import InputError
from eeinfer.rule import exits_at

Array = NDArray[Any]

# Few distinct values, so that scores often equal a threshold; saturated and broken ones included.
SCORES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0, float("nan")])


@st.composite
def outputs(draw: st.DrawFn) -> tuple[Array, Array, Array, list[int]]:
    rows, exits = draw(st.integers(1, 12)), draw(st.integers(1, 5))
    scores = draw(arrays(np.float32, (rows, exits), elements=SCORES.map(lambda value: float(np.float32(value)))))
    predictions = draw(arrays(np.int64, (rows, exits), elements=st.integers(0, 3)))
    labels = draw(arrays(np.int64, rows, elements=st.integers(0, 3)))
    steps = draw(st.lists(st.integers(0, 100), min_size=exits, max_size=exits))
    return scores, predictions, labels, np.cumsum(steps).tolist()


def one_row(scores: Array, tau: float) -> int:
    """The rule, said plainly."""
    for k, score in enumerate(scores[:-1]):
        if score > np.float32(tau):
            return k
    return len(scores) - 1


@given(outputs(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]))
def test_rows_leave_where_a_plain_loop_says(given_outputs: tuple[Array, Array, Array, list[int]], tau: float) -> None:
    scores, predictions, labels, costs = given_outputs
    found = sweep(scores, predictions, labels, costs, np.array([tau]))
    exits = [one_row(row, tau) for row in scores]
    right = [predictions[i, k] == labels[i] and not np.isnan(scores[i, k]) for i, k in enumerate(exits)]
    assert found.exits[0].tolist() == exits
    assert found.accuracy[0] == pytest.approx(np.mean(right))
    assert found.mean_flops[0] == pytest.approx(np.mean([costs[k] for k in exits]))
    assert found.shares[0] == pytest.approx([exits.count(k) / len(exits) for k in range(scores.shape[1])])


@given(outputs())
def test_cost_never_falls_as_tau_rises(given_outputs: tuple[Array, Array, Array, list[int]]) -> None:
    found = sweep(*given_outputs, np.linspace(0, 1, 23))
    assert (np.diff(found.mean_flops) >= -1e-9).all()
    assert found.shares.sum(axis=1) == pytest.approx(1)


def test_the_ends_of_the_grid_are_the_first_and_the_last_exit() -> None:
    scores = np.array([[0.3, 0.9, 0.4], [1.0, 1.0, 1.0]], np.float32)  # saturated: 1 is not above 1
    assert exits_at(scores, 0.0).tolist() == [0, 0]
    assert exits_at(scores, 1.0).tolist() == [2, 2]
    assert linspace_grid(100, 2).taus[[0, -1]].tolist() == [[0, 0], [1, 1]]


def test_each_exit_may_have_its_own_threshold() -> None:
    scores = np.array([[0.6, 0.6, 0.6]], np.float32)
    assert exits_at(scores, [0.7, 0.5, 0.0]).tolist() == [1]


def test_the_sweep_equals_the_engines_own_exits_row_by_row(tiny_engine: eeinfer.Engine, digits: Any) -> None:
    images, labels = digits
    every = tiny_engine.all_exits(images)
    costs = [segment.cumulative_flops for segment in tiny_engine.manifest.segments]
    taus = np.array([0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.99, 1.0])
    found = sweep(every.scores, every.predictions, labels, costs, taus)
    assert len(np.unique(found.exits)) == 3  # or the comparison would be about nothing
    for t, tau in enumerate(taus):
        result = tiny_engine(images, tau=float(tau))
        assert result.exits.tolist() == found.exits[t].tolist()
        assert (result.predictions == labels).mean() == pytest.approx(found.accuracy[t])
        assert result.flops.mean() == pytest.approx(found.mean_flops[t])


def test_thresholds_can_be_put_in_the_order_of_cost() -> None:
    scores = np.array([[0.6, 0.6], [0.2, 0.6]], np.float32)
    found = sweep(scores, np.zeros((2, 2), np.int64), np.array([0, 1]), [1, 3], np.array([1, 0.5, 0.1, 0.9]))
    order = found.by_cost()
    assert order.tolist() == [2, 1, 0, 3]  # 1 and 0.9 cost the same and stay as they were
    ranked = found.part(order)
    assert ranked.mean_flops.tolist() == [1, 2, 3, 3]
    assert ranked.exits.tolist() == [[0, 0], [0, 1], [1, 1], [1, 1]]


@pytest.mark.parametrize(
    ("rows", "labels", "costs"),
    [((4, 3), 4, 2), ((4, 3), 5, 3), ((0, 3), 0, 3), ((4,), 4, 1)],
)
def test_arrays_that_do_not_belong_together_are_refused(rows: tuple[int, ...], labels: int, costs: int) -> None:
    scores = np.zeros(rows, np.float32)
    with pytest.raises(InputError):
        sweep(scores, np.zeros(rows, np.int64), np.zeros(labels, np.int64), [1] * costs, np.linspace(0, 1, 3))

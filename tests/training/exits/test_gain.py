from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eeinfer.training.exits.gain import head_costs, stage_gains


def table(*rows: str) -> np.ndarray:
    return np.array([[mark == "x" for mark in row] for row in rows])


def test_an_exit_that_pays_is_kept_and_its_rows_are_gone() -> None:
    # Exit 0: half the rows save 90 each for 10 per row. Exit 1: a quarter of all rows saves 40, half pays 10.
    first, second = stage_gains(table("xx", "xx", ".x", ".."), (10, 60, 100), (10, 10))
    assert (first.reaching, first.leaving, first.gain, first.kept) == (1.0, 0.5, 35.0, True)
    assert (second.reaching, second.leaving, second.gain, second.kept) == (0.5, 0.25, 5.0, True)


def test_rows_of_a_dropped_exit_go_on_to_the_next() -> None:
    first, second = stage_gains(table("x.", "xx", ".x", ".."), (10, 60, 100), (60, 10))
    assert (first.gain, first.kept) == (-15.0, False)
    assert (second.reaching, second.leaving, second.gain, second.kept) == (1.0, 0.5, 10.0, True)


def test_an_exit_that_only_breaks_even_is_dropped() -> None:
    (stage,) = stage_gains(table("x", "."), (50, 100), (25,))
    assert (stage.gain, stage.kept) == (0.0, False)
    assert stage.to_dict()["kept"] is False


def mean_cost(leaves: np.ndarray, trunk: Sequence[float], heads: Sequence[float], kept: Sequence[int]) -> float:
    total = 0.0
    for row in leaves:
        cost = trunk[-1]
        for k in kept:
            if row[k]:
                cost = trunk[k]
                break
        reached = [k for k in kept if trunk[k] <= cost]
        total += cost + sum(heads[k] for k in reached)
    return total / len(leaves)


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=12), st.data())
def test_the_gains_of_the_kept_exits_are_what_they_save(rows: list[tuple[bool, ...]], data: st.DataObject) -> None:
    steps = data.draw(st.lists(st.integers(1, 50), min_size=4, max_size=4))
    heads = data.draw(st.lists(st.integers(0, 40), min_size=3, max_size=3))
    trunk, leaves = np.cumsum(steps).tolist(), np.array(rows)
    stages = stage_gains(leaves, trunk, heads)
    kept = [stage.exit for stage in stages if stage.kept]
    saved = trunk[-1] - mean_cost(leaves, trunk, heads, kept)
    assert saved == pytest.approx(sum(stage.gain for stage in stages if stage.kept))


def test_head_costs_are_what_is_left_without_the_trunk() -> None:
    assert head_costs((12, 35, 103), (10, 30, 95)) == (2, 3)

"""The order in which rows go on, and when it pays to take some out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eeinfer.backends.row_costs import RowCosts, compacted

COSTS = RowCosts(
    sizes=(1, 2, 8),
    segment_ms=((1.0, 1.5, 4.5), (0.1, 0.1, 0.1)),
    alive_bytes=(0, 1000),
    move_ms=0.25,
    bytes_per_ms=1000.0,
)


@given(st.lists(st.booleans(), min_size=1, max_size=40))
def test_holes_are_filled_from_behind_and_nobody_else_moves(stays: list[bool]) -> None:
    rows = [100 + i if stay else -1 for i, stay in enumerate(stays)]
    order = compacted(rows, sum(stays))
    assert sorted(order) == [i for i, stay in enumerate(stays) if stay]
    moved = [(to, source) for to, source in enumerate(order) if to != source]
    assert not any(stays[to] for to, _ in moved)  # only into holes
    assert all(source >= len(order) for _, source in moved)  # only from behind


@pytest.mark.parametrize(("rows", "ms"), [(1, 1.0), (2, 1.5), (5, 3.0), (8, 4.5), (16, 8.5)])
def test_times_lie_on_straight_lines_between_and_beyond_what_was_measured(rows: int, ms: float) -> None:
    assert COSTS.ms(0, rows) == pytest.approx(ms)


def test_rows_are_taken_out_where_what_they_cost_is_more_than_the_copies() -> None:
    assert COSTS.worth_compacting(0, 8, 7)  # half a millisecond for a quarter
    assert not COSTS.worth_compacting(1, 8, 7)  # the segment costs the same
    dear = RowCosts(sizes=(1,), segment_ms=((1.0,), (1.0,)), alive_bytes=(0, 1000), move_ms=0.0, bytes_per_ms=1000.0)
    assert dear.worth_compacting(1, 8, 2)  # two rows move, six are saved
    assert not dear.worth_compacting(1, 8, 7)  # one row moves, one is saved


@given(
    rows=st.integers(2, 64),
    flops=st.lists(st.integers(1, 10**10), min_size=2, max_size=4),
    threads=st.integers(1, 64),
)
def test_a_guess_from_flops_grows_with_the_rows(rows: int, flops: list[int], threads: int) -> None:
    costs = RowCosts.estimated(flops, [0] * len(flops), threads=threads)
    assert all(costs.ms(k, rows) > costs.ms(k, rows - 1) for k in range(len(flops)))

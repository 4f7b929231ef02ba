"""The core turn by turn: merged batches, answers as of single calls, deadlines, priorities, clients, faults."""

import math
import warnings
from typing import Any

import numpy as np
import pytest
from core_makers import Clock, core_over, put, rows_of, to_the_end
from hypothesis import given, settings
from hypothesis import strategies as st

from eeinfer import Engine
from eeinfer.errors import BundleError, OverloadError
from eeinfer.serving.core import broken
from eeinfer.serving.observer import Observer
from eeinfer.serving.served import Served

STAYS, GOES = [0.1, 0.1, 0.9], [0.9, 0.9, 0.9]
scores = st.lists(st.sampled_from([0.0, 0.3, 0.6, 0.9, math.nan]), min_size=3, max_size=3)
arrivals = st.lists(
    st.tuples(
        st.lists(scores, min_size=1, max_size=6),
        st.lists(st.sampled_from([0.0, 0.29, 0.59, 0.89, 1.0]), min_size=3, max_size=3),
        st.sampled_from([1, 2, 3]),
        st.sampled_from(["", "a", "b"]),
        st.integers(0, 4),  # turns that are taken before the next one comes
        st.booleans(),  # whether its caller gives up right away
    ),
    max_size=12,
)


class Noted(Observer):
    def __init__(self) -> None:
        self.steps: list[tuple[int, int]] = []
        self.ended: list[str] = []

    def stepped(self, k: int, rows: int, seconds: float) -> None:
        self.steps.append((k, rows))

    def answered(self, served: Served) -> None:
        self.ended.append("answered")

    def failed(self) -> None:
        self.ended.append("failed")

    def cancelled(self) -> None:
        self.ended.append("cancelled")

    def refused(self) -> None:
        self.ended.append("refused")


@settings(max_examples=60)
@given(arrivals, st.booleans())
def test_every_request_is_answered_once_as_by_a_call_of_its_own(
    served_engine: Engine, arrivals: list[Any], rebatching: bool
) -> None:
    noted = Noted()
    core = core_over(served_engine, Clock(), noted, rebatching=rebatching)
    tickets = []
    for n, (rows, taus, priority, client, turns, gives_up) in enumerate(arrivals):
        images = rows_of(*rows, first=10 * n)
        ticket = put(core, images, taus, priority=priority, client=client)
        tickets.append((images, taus, ticket, gives_up and ticket.cancel()))
        for _ in range(turns):
            core.turn()
    to_the_end(core)
    assert len(core.queues) == 0
    assert len(noted.ended) == len(arrivals)
    assert all(rows <= 4 for _, rows in noted.steps)
    for images, taus, ticket, gave_up in tickets:
        assert ticket.done()
        if not gave_up:
            check_as_alone(served_engine, images, taus, ticket.result())


def check_as_alone(engine: Engine, images: np.ndarray, taus: list[float], served: Served) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alone = engine(images, tau=taus)
    for mine, theirs in (
        (served.predictions, alone.predictions),
        (served.exits, alone.exits),
        (served.scores, alone.scores),
        (served.logits, alone.logits),
        (served.near_tau, alone.near_tau),
    ):
        np.testing.assert_array_equal(mine, theirs)
    assert not served.late.any()


def test_survivors_of_different_requests_are_merged(served_engine: Engine) -> None:
    noted = Noted()
    core = core_over(served_engine, Clock(), noted, max_wait_ms=1e6)
    tickets = [put(core, rows_of(STAYS, GOES, GOES, GOES, first=10 * n)) for n in range(4)]
    to_the_end(core)
    assert noted.steps == [(0, 4)] * 4 + [(1, 4), (2, 4)]
    assert [ticket.result().predictions.tolist()[0] for ticket in tickets] == [500, 510, 520, 530]


def test_without_rebatching_a_batch_goes_its_way_whole(served_engine: Engine) -> None:
    noted = Noted()
    core = core_over(served_engine, Clock(), noted, rebatching=False)
    for n in range(2):
        put(core, rows_of(STAYS, GOES, GOES, GOES, first=10 * n))
    to_the_end(core)
    assert [k for k, _ in noted.steps] == [0, 1, 2] * 2


def test_a_deadline_ends_with_the_last_finished_exit(served_engine: Engine) -> None:
    clock = Clock()
    core = core_over(served_engine, clock)
    ticket = put(core, rows_of(STAYS), deadline=clock.now + 0.03)
    core.turn()
    assert not ticket.done()
    clock.now += 0.025  # segment 1 takes 11 ms, so it would be too late
    core.turn()
    served = ticket.result(0)
    assert served.late.tolist() == [True]
    assert (served.exits[0], served.predictions[0], served.scores[0]) == (0, 500, np.float32(0.1))
    assert not core.turn()


def test_a_deadline_that_no_exit_keeps_is_refused_at_once(served_engine: Engine) -> None:
    clock = Clock()
    core = core_over(served_engine, clock)
    for n in range(8):
        put(core, rows_of(*[STAYS] * 4, first=10 * n))
    with pytest.raises(OverloadError, match="after the deadline") as refused:
        put(core, rows_of(STAYS), deadline=clock.now + 0.02)
    assert refused.value.retry_after_s > 0.02


def test_the_earliest_deadline_runs_first_when_it_is_near(served_engine: Engine) -> None:
    clock, noted = Clock(), Noted()
    core = core_over(served_engine, clock, noted, max_wait_ms=1e6)
    late = put(core, rows_of(STAYS), deadline=clock.now + 0.06)
    core.turn()
    for n in range(3):
        put(core, rows_of(*[GOES] * 4, first=10 * n))
    clock.now += 0.03
    core.turn()
    assert noted.steps == [(0, 1), (1, 1)]
    to_the_end(core)
    assert late.result(0).late.tolist() == [False]


def test_priorities_go_first_and_clients_take_turns(served_engine: Engine) -> None:
    core = core_over(served_engine, Clock())
    greedy = [put(core, rows_of(GOES, first=n), client="greedy") for n in range(8)]
    modest = put(core, rows_of(GOES), client="modest")
    core.turn()
    assert modest.done()
    assert [ticket.done() for ticket in greedy] == [True] * 3 + [False] * 5
    first = put(core, rows_of(*[GOES] * 4), priority=1)
    core.turn()
    assert first.done()
    assert sum(ticket.done() for ticket in greedy) == 3


def test_a_full_queue_refuses_and_says_when_to_come_back(served_engine: Engine) -> None:
    core = core_over(served_engine, Clock(), queue=5)
    kept = put(core, rows_of(*[GOES] * 4))
    with pytest.raises(OverloadError, match="4 rows wait and 2 came; it takes 5") as refused:
        put(core, rows_of(GOES, GOES))
    assert refused.value.retry_after_s > 0
    to_the_end(core)
    assert len(kept.result(0)) == 4


def test_under_overload_thresholds_go_down_to_the_floor_and_answers_say_so(served_engine: Engine) -> None:
    core = core_over(served_engine, Clock(), queue=8, floor=(0.2, 0.2, 0.2))
    rows = rows_of(*[[0.3, 0.3, 0.9]] * 4)
    crowd = [put(core, rows), put(core, rows, own_taus=True)]
    to_the_end(core)
    assert [ticket.result(0).degraded for ticket in crowd] == [True, False]
    assert [ticket.result(0).exits.tolist() for ticket in crowd] == [[0] * 4, [2] * 4]
    quiet = put(core, rows[:1])
    to_the_end(core)
    assert (quiet.result(0).degraded, quiet.result(0).exits.tolist()) == (False, [2])


def test_a_row_whose_segment_fails_fails_alone(served_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    core = core_over(served_engine, Clock(), max_wait_ms=1e6)
    backend = core._steps.backend
    run = backend.run

    def fails(k: int, live: Any) -> Any:
        exit = run(k, live)
        if k == 1 and (exit.prediction == 501).any():
            raise RuntimeError("a bad row")
        return exit

    monkeypatch.setattr(backend, "run", fails)
    good, bad = put(core, rows_of(STAYS)), put(core, rows_of(STAYS, first=1))
    to_the_end(core)
    assert good.result(0).exits.tolist() == [2]
    with pytest.raises(BundleError, match="a bad row"):
        bad.result(0)


def test_who_gives_up_costs_nothing_further(served_engine: Engine) -> None:
    noted = Noted()
    core = core_over(served_engine, Clock(), noted)
    ticket = put(core, rows_of(STAYS))
    core.turn()
    assert ticket.cancel()
    to_the_end(core)
    assert (noted.steps, noted.ended) == ([(0, 1)], ["cancelled"])


def test_where_a_turn_breaks_down_nobody_waits_for_ever(served_engine: Engine) -> None:
    core = core_over(served_engine, Clock())
    waiting = [put(core, rows_of(STAYS)), put(core, rows_of(STAYS))]
    core.turn()
    waiting.append(put(core, rows_of(STAYS)))
    core.abandon(broken(MemoryError("no room")))
    for ticket in waiting:
        with pytest.raises(BundleError, match="no room"):
            ticket.result(0)
    with pytest.raises(OverloadError, match="shutting down"):
        put(core, rows_of(STAYS))


def test_rows_that_are_not_finite_are_answered_for_without_the_network(served_engine: Engine) -> None:
    core = core_over(served_engine, Clock())
    ticket = put(core, np.full((2, 4), np.nan, np.float32))
    assert ticket.result(0).exits.tolist() == [-1, -1]
    assert not core.turn()

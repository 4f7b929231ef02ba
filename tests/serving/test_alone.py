"""A row that has the machine to itself: answered in the caller's thread, as by a call of its own, or not at all."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from core_makers import EXITS, Clock, core_over, put, rows_of, to_the_end

from eeinfer import Engine
from eeinfer.errors import BundleError
from eeinfer.rule import as_limits
from eeinfer.serving.core import Core
from eeinfer.serving.observer import Observer
from eeinfer.serving.served import Served

STAYS, GOES = [0.1, 0.1, 0.9], [0.9, 0.9, 0.9]


class Noted(Observer):
    def __init__(self) -> None:
        self.told: list[Any] = []

    def stepped(self, k: int, rows: int, seconds: float) -> None:
        self.told.append((k, rows))

    def answered(self, served: Served) -> None:
        self.told.append("answered")

    def failed(self) -> None:
        self.told.append("failed")


def quick(engine: Engine, clock: Clock | None = None, observer: Observer | None = None, **settings: Any) -> Core:
    return core_over(engine, clock or Clock(), observer, row_ms=0.5, **settings)


def asked(
    core: Core,
    row: np.ndarray,
    tau: Any = 0.5,
    deadline: float = math.inf,
    later: Callable[[Callable[[], None]], object] = lambda work: work(),
) -> Served | None:
    return core.at_once({"input": row}, as_limits(tau, EXITS), deadline, later)


@pytest.mark.parametrize(
    ("scores", "tau"),
    [
        (GOES, 0.5),
        (STAYS, 0.5),
        ([0.3, 0.6, 0.9], 0.5),
        ([0.3, 0.6, 0.9], [0.3, 0.7, 0.0]),
        ([0.9, 0.9, 0.9], 1.0),
        ([-1.0, 0.9, 0.9], 0.5),
        ([0.1, 0.1, -1.0], 0.5),
        ([math.nan] * 3, 0.5),
    ],
)
def test_it_answers_as_a_call_does(served_engine: Engine, scores: list[float], tau: Any) -> None:
    row = rows_of(scores)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alone = served_engine(row, tau=tau)
    served = asked(quick(served_engine), row, tau)
    assert served is not None
    for mine, theirs in (
        (served.predictions, alone.predictions),
        (served.exits, alone.exits),
        (served.scores, alone.scores),
        (served.logits, alone.logits),
        (served.near_tau, alone.near_tau),
    ):
        np.testing.assert_array_equal(mine, theirs)
        assert mine.dtype == theirs.dtype
    assert (served.late.tolist(), served.degraded, served.taus) == ([False], False, as_limits(tau, EXITS))


def test_answers_are_kept_when_the_next_row_comes(served_engine: Engine) -> None:
    core = quick(served_engine)
    found = [asked(core, rows_of(scores, first=n)) for n, scores in enumerate([GOES, STAYS, GOES])]
    assert [(one.exits[0], one.predictions[0]) for one in found if one] == [(0, 500), (2, 501), (0, 502)]


def test_the_input_is_the_callers_again_once_it_is_answered(served_engine: Engine) -> None:
    core, row = quick(served_engine), rows_of(STAYS)
    found = asked(core, row)
    row[:] = 0
    assert found is not None
    assert found.predictions[0] == 500


def test_where_somebody_waits_or_runs_or_it_is_closing_it_is_not_for_it(served_engine: Engine) -> None:
    core = quick(served_engine)
    waiting = put(core, rows_of(STAYS))
    assert (asked(core, rows_of(GOES)), core.idle) == (None, False)
    core.turn()  # now it waits in front of segment 1
    assert (asked(core, rows_of(GOES)), core.idle) == (None, False)
    to_the_end(core)
    assert (waiting.done(), core.idle) == (True, True)
    with core.turns:
        assert (asked(core, rows_of(GOES)), core.idle) == (None, False)
    assert asked(core, rows_of(GOES)) is not None
    core.closing = True
    assert (asked(core, rows_of(GOES)), core.idle) == (None, False)


def test_a_network_that_takes_long_is_not_for_it(served_engine: Engine) -> None:
    core = core_over(served_engine, Clock())
    assert (asked(core, rows_of(GOES)), core.idle) == (None, False)


def test_under_overload_thresholds_are_lowered_elsewhere(served_engine: Engine) -> None:
    assert asked(quick(served_engine, queue=1, floor=(0.2, 0.2, 0.2)), rows_of(GOES)) is None
    assert asked(quick(served_engine, queue=8, floor=(0.2, 0.2, 0.2)), rows_of(GOES)) is not None


def test_a_deadline_ends_with_the_last_finished_exit(served_engine: Engine) -> None:
    clock = Clock()
    core = quick(served_engine, clock)
    lane = core._steps.backend.new_lane()
    run = lane.run

    def takes_half_a_millisecond(k: int) -> float:
        clock.now += 0.0005
        return run(k)

    lane.run = takes_half_a_millisecond  # type: ignore[method-assign]
    core._alone._lane = lane
    for ms, exit in ((0.7, 0), (1.2, 1), (5.0, 2)):
        served = asked(core, rows_of(STAYS), deadline=clock.now + ms / 1e3)
        assert served is not None
        assert (served.exits[0], served.late[0], served.predictions[0]) == (exit, exit < 2, 500)


def test_a_deadline_that_no_exit_keeps_is_refused_elsewhere(served_engine: Engine) -> None:
    clock = Clock()
    assert asked(quick(served_engine, clock), rows_of(STAYS), deadline=clock.now + 0.0004) is None


def test_what_it_tells_may_wait_until_the_answer_is_on_its_way(served_engine: Engine) -> None:
    noted, waiting = Noted(), list[Callable[[], None]]()
    core = quick(served_engine, observer=noted)
    assert asked(core, rows_of(STAYS), later=waiting.append) is not None
    assert (noted.told, core.idle) == ([], True)
    for work in waiting:
        work()
    assert noted.told == [(0, 1), (1, 1), (2, 1), "answered"]


def test_a_segment_that_fails_fails_one_row(served_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    noted = Noted()
    core = quick(served_engine, observer=noted)
    lane = core._steps.backend.new_lane()
    core._alone._lane = lane

    def fails(k: int) -> float:
        raise RuntimeError("a bad row")

    monkeypatch.setattr(lane, "run", fails)
    with pytest.raises(BundleError, match="a bad row"):
        asked(core, rows_of(STAYS))
    assert noted.told == ["failed"]
    assert core.idle
    assert asked(core, rows_of(STAYS)) is not None

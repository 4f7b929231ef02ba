"""Rows that come as they leave, and batches under every policy of taking rows out."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eeinfer import Departure, Engine, InputError, NonFiniteWarning
from eeinfer.backends.host import HostBackend

LEVELS = [0.0, 0.3, 0.6, 0.9]
scripts = st.lists(st.lists(st.sampled_from(LEVELS), min_size=3, max_size=3), min_size=1, max_size=9)
taus = st.lists(st.sampled_from([0.0, 0.29, 0.59, 0.89, 1.0]), min_size=3, max_size=3)


def played(scores: Any) -> np.ndarray:
    return np.array([[*row, 500 + i] for i, row in enumerate(scores)], np.float32)


@given(scores=scripts, tau=taus)
def test_departures_together_are_the_answers_of_the_call(
    scripted_engine: Engine, scores: list[list[float]], tau: list[float]
) -> None:
    x = played(scores)
    whole, parts = scripted_engine(x, tau=tau), [*scripted_engine.stream(x, tau=tau)]
    rows = np.concatenate([part.rows for part in parts])
    assert sorted(rows.tolist()) == list(range(len(x)))
    for field in ("predictions", "scores", "logits", "valid", "near_tau"):
        together = np.concatenate([getattr(part, field) for part in parts])
        np.testing.assert_array_equal(together, getattr(whole, field)[rows])
    np.testing.assert_array_equal(np.repeat([part.exit for part in parts], list(map(len, parts))), whole.exits[rows])
    np.testing.assert_array_equal(np.repeat([part.flops for part in parts], list(map(len, parts))), whole.flops[rows])
    assert [part.latency_ms for part in parts] == sorted(part.latency_ms for part in parts)


@pytest.mark.usefixtures("python_loop")
@pytest.mark.parametrize("policy", [True, False, "random"])
@given(scores=scripts, tau=taus, seed=st.integers(0, 100))
def test_answers_do_not_depend_on_when_rows_are_taken_out(
    scripted_engine: Engine, policy: bool | str, scores: list[list[float]], tau: list[float], seed: int
) -> None:
    x, draw = played(scores), np.random.default_rng(seed)
    expected = scripted_engine(x, tau=tau)
    with pytest.MonkeyPatch.context() as patch:
        decide = (lambda *_: bool(draw.integers(2))) if policy == "random" else (lambda *_: policy)
        patch.setattr(HostBackend, "worth_compacting", decide)
        result = scripted_engine(x, tau=tau)
    for field in ("predictions", "exits", "scores", "logits", "flops", "valid", "near_tau"):
        np.testing.assert_array_equal(getattr(result, field), getattr(expected, field))


@pytest.mark.usefixtures("python_loop")
def test_what_the_batch_holds_is_not_written_into(scripted_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HostBackend, "worth_compacting", lambda *_: True)
    x = played([[0.9, 0, 0], [0, 0.9, 0], [0, 0, 0], [0, 0, 0.3]])  # segment 2 reads the input again
    before = x.copy()
    assert scripted_engine(x, tau=0.5).predictions.tolist() == [500, 501, 502, 503]
    np.testing.assert_array_equal(x, before)


def test_sure_rows_come_before_the_rest_is_computed(scripted_engine: Engine) -> None:
    x = played([[0, 0, 0], [0.9, 0, 0]])
    stream = scripted_engine.stream(x, tau=0.5)
    x[:] = 0  # the caller may use his memory again
    first = next(stream)
    assert (first.exit, first.rows.tolist(), first.predictions.tolist()) == (0, [1], [501])
    stream.close()  # nobody waits for the other row
    assert scripted_engine(played([[0.9, 0, 0]]), tau=0.5).exits.tolist() == [0]


def test_rows_without_finite_pixels_come_first_and_without_an_answer(scripted_engine: Engine) -> None:
    x = played([[0.9, 0, 0], [np.nan, 0, 0], [0.9, 0, 0]])
    broken, left = scripted_engine.stream(x, tau=0.5)
    assert (broken.exit, broken.rows.tolist(), broken.predictions.tolist()) == (-1, [1], [-1])
    assert not broken.valid.any()
    assert np.isnan(broken.scores).all()
    assert left.rows.tolist() == [0, 2]


@pytest.mark.usefixtures("keeps_nan")
def test_a_score_that_is_not_finite_is_no_answer(scripted_engine: Engine) -> None:
    [part] = scripted_engine.stream(played([[0, 0, -1.0]]), tau=0.5)  # the script turns -1 into NaN
    assert (part.exit, part.predictions.tolist(), part.valid.tolist()) == (2, [-1], [False])


def test_a_deadline_lets_the_rest_leave_where_it_is(scripted_engine: Engine) -> None:
    parts = [*scripted_engine.stream(played([[0, 0, 0]] * 3), tau=0.5, deadline_ms=0)]
    assert [(part.exit, part.rows.tolist()) for part in parts] == [(0, [0, 1, 2])]


def test_mistakes_are_refused_before_the_first_row(scripted_engine: Engine) -> None:
    with pytest.raises(InputError, match="tau is 2"):
        scripted_engine.stream(played([[0, 0, 0]]), tau=2.0)
    with pytest.raises(InputError, match="shape"):
        scripted_engine.stream(np.zeros((2, 5), np.float32))


def test_departures_read_well(scripted_engine: Engine) -> None:
    [part] = scripted_engine.stream(played([[0.9, 0, 0]] * 3), tau=0.5)
    assert isinstance(part, Departure)
    assert repr(part).startswith("Departure(3 rows at exit 0, ")


@pytest.mark.parametrize("rows", [1, 3])
def test_a_decision_that_last_bits_could_change_is_reported(scripted_engine: Engine, rows: int) -> None:
    close = float(np.float32(0.5)) + 5e-6
    x = played([[close, 0.9, 0], [0.5001, 0, 0], [0.1, 0.5, 0.5]])[:rows]
    assert scripted_engine(x, tau=0.5).near_tau.tolist() == [True, False, True][:rows]
    assert not scripted_engine(x, tau=0.7).near_tau.any()


def test_the_last_exit_decides_nothing_and_is_never_near(scripted_engine: Engine) -> None:
    x = played([[0, 0, 0.5], [0, 0, 0.5]])
    assert not scripted_engine(x, tau=0.5).near_tau.any()
    assert not scripted_engine(x[:1], tau=0.5).near_tau.any()


@given(st.integers(0, 10_000))
def test_rows_that_are_not_near_leave_alone_where_they_leave_together(tiny_engine: Engine, seed: int) -> None:
    draw = np.random.default_rng(seed)
    images = draw.standard_normal((int(draw.integers(2, 12)), 1, 8, 8)).astype(np.float32)
    tau = draw.uniform(0.2, 1, 3).tolist()
    together = tiny_engine(images, tau=tau)
    for i in np.flatnonzero(~together.near_tau):
        alone = tiny_engine(images[i : i + 1], tau=tau)
        assert (alone.exits[0], alone.predictions[0]) == (together.exits[i], together.predictions[i])


@pytest.mark.usefixtures("python_loop")
def test_a_large_batch_leaves_no_buffers_behind(tiny_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eeinfer.backends.host._KEPT_BYTES", 1000)
    images = np.zeros((500, 8, 8), np.uint8)
    assert len(tiny_engine(images, tau=1)) == 500
    assert isinstance(tiny_engine._running().backend, HostBackend)
    assert all(rows.capacity < 500 for rows in tiny_engine._running().backend._idle)  # there is no other way to see it


@pytest.mark.usefixtures("keeps_nan")
def test_warnings_name_the_caller(scripted_engine: Engine) -> None:
    for x in (played([[0, 0, -1.0]]), played([[0, 0, -1.0]] * 2)):
        with pytest.warns(NonFiniteWarning) as caught:
            scripted_engine(x, tau=0.5)
        assert caught[0].filename == __file__
        with pytest.warns(NonFiniteWarning) as caught:
            scripted_engine.all_exits(x)
        assert caught[0].filename == __file__

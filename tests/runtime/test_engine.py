import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import eeinfer
from eeinfer import EeinferError, Engine, InputError, NonFiniteWarning

LEVELS = [0.0, 0.25, 0.5, float(np.nextafter(np.float32(0.5), np.float32(1))), 0.9, 1.0]
NAN = -1.0  # the scripted bundle turns a negative score into NaN
COSTS = np.array([100, 300, 600])

taus = st.one_of(st.sampled_from(LEVELS), st.lists(st.sampled_from(LEVELS), min_size=3, max_size=3))
scripts = st.lists(st.lists(st.sampled_from(LEVELS), min_size=3, max_size=3), min_size=1, max_size=9)


def played(scores: list[list[float]]) -> np.ndarray:
    """The scripted bundle's input: each row's scores, then its name, 500 and up so that no row is called 0."""
    return np.array([[*row, 500 + i] for i, row in enumerate(scores)], np.float32)


def leave(scores: np.ndarray, tau: float | list[float]) -> np.ndarray:
    """Which exit each row of scores [B, E] answers from: the rule, in the plainest words."""
    limits = np.broadcast_to(np.asarray(tau, np.float32), scores.shape[1])
    exits = []
    for row in scores:
        k = 0
        while k < len(row) - 1 and not row[k] > limits[k]:
            k += 1
        exits.append(k)
    return np.array(exits)


@given(scores=scripts, tau=taus)
def test_rows_leave_at_the_first_score_above_tau(
    scripted_engine: Engine, scores: list[list[float]], tau: float | list[float]
) -> None:
    x = played(scores)
    result = scripted_engine(x, tau=tau)
    expected = leave(x[:, :3], tau)
    np.testing.assert_array_equal(result.exits, expected)
    np.testing.assert_array_equal(result.predictions, x[:, 3])
    np.testing.assert_array_equal(result.scores, x[np.arange(len(x)), expected])
    np.testing.assert_array_equal(result.logits[:, 0], x[:, 3])
    np.testing.assert_array_equal(result.flops, COSTS[expected])
    assert result.valid.all()
    assert result.latency_ms > 0


@given(scores=scripts, tau=taus)
def test_a_batch_answers_like_its_rows_one_by_one(
    scripted_engine: Engine, scores: list[list[float]], tau: float | list[float]
) -> None:
    x = played(scores)
    together = scripted_engine(x, tau=tau)
    alone = [scripted_engine(row, tau=tau) for row in x]
    for field in ("predictions", "exits", "scores", "logits", "flops", "valid"):
        np.testing.assert_array_equal(getattr(together, field), np.concatenate([getattr(r, field) for r in alone]))


@given(
    images=hnp.arrays(np.uint8, st.tuples(st.integers(1, 12), st.just(8), st.just(8))),
    tau=st.lists(st.floats(0, 1), min_size=3, max_size=3),
)
def test_engine_equals_a_plain_loop_over_every_exit(tiny_engine: Engine, images: np.ndarray, tau: list[float]) -> None:
    every = tiny_engine.all_exits(images)
    assume((np.abs(every.scores - np.asarray(tau, np.float32)) > 1e-5).all())  # kernels may round by batch size
    result = tiny_engine(images, tau=tau)
    rows, expected = np.arange(len(images)), leave(every.scores, tau)
    np.testing.assert_array_equal(result.exits, expected)
    np.testing.assert_allclose(result.scores, every.scores[rows, expected], atol=1e-5)
    np.testing.assert_allclose(result.logits, every.logits[rows, expected], atol=1e-4)
    np.testing.assert_array_equal(result.predictions, result.logits.argmax(axis=1))


def test_tau_zero_leaves_at_the_first_exit_and_tau_one_never_early(tiny_engine: Engine) -> None:
    images = np.random.default_rng(1).integers(0, 256, (7, 8, 8), np.uint8)
    assert tiny_engine(images, tau=0).exits.tolist() == [0] * 7
    assert tiny_engine(images, tau=1).exits.tolist() == [2] * 7
    assert tiny_engine(images, tau=[1, 0, 1]).exits.tolist() == [1] * 7


def test_a_score_equal_to_tau_stays(scripted_engine: Engine) -> None:
    # 0.9 has no exact float32: a comparison in float64 would let one of these pass
    x = played([[0.9, 0.9, 0.1], [0.7, 0.7, 0.1]])
    assert scripted_engine(x[:1], tau=0.9).exits.tolist() == [2]
    assert scripted_engine(x[1:], tau=0.7).exits.tolist() == [2]
    assert scripted_engine(x, tau=float(np.float32(0.9))).exits.tolist() == [2, 2]
    assert scripted_engine(x[[0, 0]], tau=0.9).exits.tolist() == [2, 2]


def test_taus_of_the_call_stand_above_those_of_the_engine(tiny_bundle: Path) -> None:
    image = np.zeros((8, 8), np.uint8)
    with eeinfer.load(tiny_bundle, tau=[1, 1, 1], threads=1) as engine:
        assert engine.tau == (1.0, 1.0, 1.0)
        assert engine(image).exits.tolist() == [2]
        assert engine(image, tau=0).exits.tolist() == [0]
        assert engine(image).exits.tolist() == [2]


def test_manifest_gives_the_taus_where_nobody_else_does(tiny_engine: Engine) -> None:
    assert tiny_engine.tau == (0.8, 0.8, 0.8)


@pytest.mark.usefixtures("keeps_nan")
@pytest.mark.parametrize("rows", [1, 4])
def test_a_nan_score_never_passes_and_is_reported_at_the_end(scripted_engine: Engine, rows: int) -> None:
    x = played([[NAN, 0.9, 0.1], [NAN, NAN, NAN], [0.9, 0.1, 0.1], [0.2, 0.3, 0.4]])[-rows:]
    if rows == 4:
        with pytest.warns(NonFiniteWarning, match=r"1 of 4 rows .* prediction -1: 1$"):
            result = scripted_engine(x, tau=0.5)
        assert result.exits.tolist() == [1, 2, 0, 2]
        assert result.predictions.tolist() == [500, -1, 502, 503]
        assert result.valid.tolist() == [True, False, True, True]
        assert result.flops.tolist() == [300, 600, 100, 600]
    else:
        with pytest.warns(NonFiniteWarning, match="1 of 1 rows"):
            result = scripted_engine(played([[NAN] * 3]), tau=0)
        assert (result.exits.tolist(), result.predictions.tolist(), result.valid.tolist()) == ([2], [-1], [False])


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_a_row_with_non_finite_pixels_stays_out_and_leaves_its_neighbours_alone(
    tiny_engine: Engine, poison: float
) -> None:
    clean = np.random.default_rng(2).normal(0, 1, (5, 1, 8, 8)).astype(np.float32)
    dirty = clean.copy()
    dirty[1, 0, 3, 3] = dirty[4, 0, 0, 0] = poison
    with pytest.warns(NonFiniteWarning, match="2 of 5 rows.*: 1, 4"):
        result = tiny_engine(dirty, tau=0.9)
    expected, good = tiny_engine(clean[[0, 2, 3]], tau=0.9), [0, 2, 3]
    np.testing.assert_array_equal(result.predictions[good], expected.predictions)
    np.testing.assert_array_equal(result.logits[good], expected.logits)
    assert result.valid.tolist() == [True, False, True, True, False]
    assert result.predictions[[1, 4]].tolist() == result.exits[[1, 4]].tolist() == [-1, -1]
    assert result.flops[[1, 4]].tolist() == [0, 0]
    assert np.isnan(result.scores[[1, 4]]).all()
    with pytest.warns(NonFiniteWarning, match="1 of 1"):
        assert tiny_engine(dirty[1]).predictions.tolist() == [-1]
    with pytest.warns(NonFiniteWarning, match="2 of 2"):
        assert tiny_engine(dirty[[1, 4]]).predictions.tolist() == [-1, -1]


def test_a_row_answers_the_same_however_it_lies_in_memory(tiny_engine: Engine) -> None:
    row = np.random.default_rng(3).normal(0, 1, (1, 1, 8, 8)).astype(np.float32)
    turned = np.ascontiguousarray(row.swapaxes(2, 3)).swapaxes(2, 3)
    moved = np.frombuffer(b"-" + row.tobytes(), np.uint8)[1:].view(row.dtype).reshape(row.shape)
    assert (turned.flags.c_contiguous, moved.flags.aligned) == (False, False)
    expected = tiny_engine(row, tau=0.5)
    for other in (turned, moved):
        found = tiny_engine(other, tau=0.5)
        np.testing.assert_array_equal(found.logits, expected.logits)
        assert found.exits == expected.exits


@pytest.mark.usefixtures("keeps_nan")
def test_every_exit_answers_for_every_row(scripted_engine: Engine) -> None:
    x = played([[0.1, 0.2, 0.3], [0.9, NAN, 0.5]] * 70)  # more than one slice
    x[3, 0] = np.nan
    with pytest.warns(NonFiniteWarning, match="1 of 140 rows.*: 3$"):
        every = scripted_engine.all_exits(x)
    assert every.scores.shape == every.predictions.shape == (140, 3)
    assert every.logits.shape == (140, 3, 1000)
    np.testing.assert_array_equal(every.predictions[0], [500, 500, 500])
    np.testing.assert_array_equal(every.predictions[1], [501, -1, 501])
    np.testing.assert_array_equal(every.predictions[3], [-1, -1, -1])
    np.testing.assert_array_equal(every.scores[139], np.float32([0.9, np.nan, 0.5]))


class Clock:
    """A clock that goes on by one millisecond each time somebody looks."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1e-3
        return self.now


@pytest.mark.usefixtures("python_loop")  # whose clock can be set
@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(("deadline_ms", "exit"), [(0, 0), (0.5, 0), (1.5, 1), (2.5, 2), (100, 2), (None, 2)])
def test_a_deadline_returns_the_last_finished_exit(
    scripted_engine: Engine, monkeypatch: pytest.MonkeyPatch, rows: int, deadline_ms: float | None, exit: int
) -> None:
    clock = Clock()
    for module in ("engine", "steps", "answers"):
        monkeypatch.setattr(f"eeinfer.{module}.perf_counter", clock)
    result = scripted_engine(played([[0.1, 0.2, 0.3]] * rows), tau=0.5, deadline_ms=deadline_ms)
    assert result.exits.tolist() == [exit] * rows
    assert result.predictions.tolist() == [500 + i for i in range(rows)]
    np.testing.assert_array_equal(result.scores, np.float32([0.1, 0.2, 0.3])[[exit] * rows])


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(("deadline_ms", "exit"), [(0, 0), (1e6, 2), (None, 2)])
def test_no_segment_begins_after_the_deadline(
    scripted_engine: Engine, rows: int, deadline_ms: float | None, exit: int
) -> None:
    result = scripted_engine(played([[0.1, 0.2, 0.3]] * rows), tau=0.5, deadline_ms=deadline_ms)
    assert result.exits.tolist() == [exit] * rows


def test_rows_that_left_before_the_deadline_keep_their_answer(scripted_engine: Engine) -> None:
    result = scripted_engine(played([[0.9, 0.2, 0.3], [0.1, 0.2, 0.3]]), tau=0.5, deadline_ms=1e6)
    assert result.exits.tolist() == [0, 2]


@pytest.mark.parametrize("deadline_ms", [-1, float("nan"), "4"])
def test_a_senseless_deadline_is_refused(scripted_engine: Engine, deadline_ms: float) -> None:
    with pytest.raises(InputError, match=r"deadline_ms is .*milliseconds"):
        scripted_engine(played([[0.1, 0.2, 0.3]]), deadline_ms=deadline_ms)


def test_anytime_answers_exit_after_exit(scripted_engine: Engine) -> None:
    answers = list(scripted_engine.anytime(played([[0.1, 0.9, 0.3]])))
    assert [answer.exit for answer in answers] == [0, 1, 2]
    assert [answer.score for answer in answers] == pytest.approx([0.1, 0.9, 0.3])
    assert [answer.prediction for answer in answers] == [500] * 3
    assert [answer.flops for answer in answers] == COSTS.tolist()
    assert answers[0].latency_ms < answers[1].latency_ms < answers[2].latency_ms
    assert answers[0].logits.shape == (1000,)


def test_anytime_keeps_its_place_while_the_engine_does_other_work(scripted_engine: Engine) -> None:
    first = scripted_engine.anytime(played([[0.1, 0.2, 0.3]]))
    seen = [next(first)]
    scripted_engine(played([[0.7, 0.8, 0.9]]))
    second = scripted_engine.anytime(played([[0.4, 0.5, 0.6]]))
    assert next(second).score == pytest.approx(0.4)
    seen += first
    assert [answer.score for answer in seen] == pytest.approx([0.1, 0.2, 0.3])
    assert next(second).score == pytest.approx(0.5)


@pytest.mark.usefixtures("keeps_nan")
def test_anytime_marks_a_score_that_is_not_finite(scripted_engine: Engine) -> None:
    assert [answer.prediction for answer in scripted_engine.anytime(played([[0.1, NAN, 0.3]]))] == [500, -1, 500]


def test_anytime_refuses_at_once_what_it_cannot_answer(scripted_engine: Engine) -> None:
    with pytest.raises(InputError, match="one image, got 2"):
        scripted_engine.anytime(played([[0.1, 0.2, 0.3]] * 2))
    with pytest.raises(InputError, match="NaN or infinite pixels"):
        scripted_engine.anytime(np.full(4, np.nan, np.float32))


def test_many_threads_call_one_engine(scripted_engine: Engine) -> None:
    barrier = threading.Barrier(8)

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        barrier.wait()
        for _ in range(40):
            x = rng.choice(np.float32(LEVELS), (int(rng.integers(1, 5)), 4))
            x[:, 3] = rng.integers(0, 1000, len(x))
            result = scripted_engine(x, tau=0.5)
            np.testing.assert_array_equal(result.exits, leave(x[:, :3], 0.5))
            np.testing.assert_array_equal(result.predictions, x[:, 3])

    with ThreadPoolExecutor(8) as pool:
        for future in [pool.submit(work, seed) for seed in range(8)]:
            future.result()


def test_answers_do_not_change_when_the_engine_is_called_again(tiny_engine: Engine) -> None:
    images = np.random.default_rng(3).integers(0, 256, (2, 8, 8), np.uint8)
    first = tiny_engine(images[0], tau=1)
    answer = next(tiny_engine.anytime(images[0]))
    kept = first.logits.copy(), answer.logits.copy()
    tiny_engine(images[1], tau=1)
    np.testing.assert_array_equal(first.logits, kept[0])
    np.testing.assert_array_equal(answer.logits, kept[1])


@pytest.mark.parametrize("tau", [-0.1, 1.5, float("nan"), [0.5, 0.5], [[0.5]], "high", [0.5, 2, 0.5]])
def test_a_tau_that_makes_no_sense_is_refused(tiny_engine: Engine, tiny_bundle: Path, tau: float) -> None:
    with pytest.raises(InputError, match=r"tau .*"):
        tiny_engine(np.zeros((8, 8), np.uint8), tau=tau)
    with pytest.raises(InputError, match=r"tau .*"):
        eeinfer.load(tiny_bundle, tau=tau)


def test_a_closed_engine_says_so(tiny_bundle: Path, loop: str) -> None:
    with eeinfer.load(tiny_bundle, threads=1) as engine:
        assert repr(engine) == f"Engine('tiny', 3 exits, 5 classes, {loop} on cpu)"
        under_way = engine.anytime(np.zeros((8, 8), np.uint8))
        next(under_way)
    assert len(list(under_way)) == 2
    assert "closed" in repr(engine)
    with pytest.raises(EeinferError, match=r"closed; load the bundle again"):
        engine(np.zeros((8, 8), np.uint8))
    with pytest.raises(EeinferError, match="closed"):
        engine.all_exits(np.zeros((8, 8), np.uint8))

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import eeinfer
from eeinfer import EeinferError, Engine, InputError, NonFiniteWarning

LEVELS = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])


def test_results_read_well(scripted_engine: Engine) -> None:
    rows = np.array([[0.9, 0, 0, i] for i in range(7)], np.float32)
    text = repr(scripted_engine(rows, tau=0.5))
    assert text.startswith("Result([0 at exit 0 (0.900), 1 at exit 0 (0.900), ")
    assert "... 2 more], " in text
    assert repr(next(scripted_engine.anytime(rows[0]))).startswith("Answer(0 at exit 0 (0.900), ")
    assert repr(scripted_engine.all_exits(rows)) == "AllExits(7 rows, 3 exits, 1000 classes)"


def test_results_have_their_length_and_types_and_do_not_change(scripted_engine: Engine) -> None:
    result = scripted_engine(np.zeros((3, 4), np.float32))
    assert len(result) == 3
    types = {name: getattr(result, name).dtype.name for name in ("predictions", "exits", "scores", "flops", "valid")}
    assert types == {"predictions": "int64", "exits": "int64", "scores": "float32", "flops": "int64", "valid": "bool"}
    with pytest.raises(AttributeError):
        result.latency_ms = 0.0  # type: ignore[misc]  # that it is refused is the point


@given(scores=st.tuples(LEVELS, LEVELS, LEVELS), tau=st.one_of(LEVELS, st.tuples(LEVELS, LEVELS, LEVELS)))
def test_one_image_without_a_result_answers_as_a_call_does(
    scripted_engine: Engine, scores: tuple[float, ...], tau: float | tuple[float, ...]
) -> None:
    row = np.array([[*scores, 507]], np.float32)
    result = scripted_engine(row, tau=tau)
    prediction, exit, score = scripted_engine.predict_one(row, tau=tau)
    assert [type(number) for number in (prediction, exit, score)] == [int, int, float]
    assert (prediction, exit, score) == (result.predictions[0], result.exits[0], result.scores[0])


def test_one_image_without_a_result_is_prepared_as_for_a_call(tiny_engine: Engine) -> None:
    pixels = np.random.default_rng(4).integers(0, 256, (8, 8), np.uint8)
    result = tiny_engine(pixels)
    assert tiny_engine.predict_one(pixels) == (result.predictions[0], result.exits[0], result.scores[0])
    assert tiny_engine.predict_one(pixels, tau=1)[1] == 2
    assert tiny_engine.predict_one(pixels, tau=1, deadline_ms=0)[1] == 0


def test_one_image_without_a_result_is_counted_like_a_call(tiny_bundle: Path) -> None:
    pixels = np.zeros((8, 8), np.uint8)
    with eeinfer.load(tiny_bundle, threads=1) as engine:
        engine.predict_one(pixels)
        engine.predict_one(pixels, tau=1)
        watch = engine.watch()
    assert (sum(exit.calls for exit in watch.exits), watch.other_rows, watch.unanswered) == (1, 1, 0)


@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_one_image_without_an_answer_is_warned_of_where_it_was_given(tiny_engine: Engine, poison: float) -> None:
    image = np.full((1, 1, 8, 8), poison, np.float32)
    for call in (tiny_engine, tiny_engine.predict_one):
        with pytest.warns(NonFiniteWarning, match=r"1 of 1 rows .* prediction -1: 0$") as told:
            answered = call(image)
        assert [Path(warning.filename) for warning in told] == [Path(__file__)]
    assert isinstance(answered, tuple)
    assert answered[:2] == (-1, -1)
    assert math.isnan(answered[2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = tiny_engine(image)
    assert (result.predictions[0], result.exits[0], result.flops[0], result.valid[0]) == (-1, -1, 0, False)
    assert np.isnan(result.scores).all()
    assert np.isnan(result.logits).all()


@pytest.mark.usefixtures("keeps_nan")
def test_one_image_whose_last_score_is_not_finite_keeps_where_it_got_to(scripted_engine: Engine) -> None:
    with pytest.warns(NonFiniteWarning):
        prediction, exit, score = scripted_engine.predict_one(np.array([[-1, -1, -1, 500]], np.float32), tau=0)
    assert (prediction, exit, math.isnan(score)) == (-1, 2, True)


def test_one_image_is_all_that_is_answered_without_a_result(tiny_bundle: Path) -> None:
    with eeinfer.load(tiny_bundle, threads=1) as engine:
        with pytest.raises(InputError, match=r"predict_one answers for one image, got 2; call the engine for a batch"):
            engine.predict_one(np.zeros((2, 8, 8), np.uint8))
        with pytest.raises(InputError, match="no images"):
            engine.predict_one(np.zeros((0, 8, 8), np.uint8))
        with pytest.raises(InputError, match=r"tau"):
            engine.predict_one(np.zeros((8, 8), np.uint8), tau=2)
    with pytest.raises(EeinferError, match="closed"):
        engine.predict_one(np.zeros((1, 1, 8, 8), np.float32))

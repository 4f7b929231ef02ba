"""Bundles with several inputs, whole numbers among them, and a dynamic axis."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_bundles import word_weights

import eeinfer
from eeinfer import Engine, InputError, NonFiniteWarning
from eeinfer.rule import exits_at

TAU = 0.6
WEIGHTS = word_weights()


@pytest.fixture(scope="module")
def engine(words_bundle: Path) -> Iterator[Engine]:
    with eeinfer.load(words_bundle, threads=1, tau=TAU) as engine:
        yield engine


def texts(rows: int, length: int, seed: int = 0) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    mask = np.arange(length) < draw.integers(1, length + 1, (rows, 1))
    ids = draw.integers(0, 20, (rows, length))
    return {"ids": ids, "mask": mask, "scale": draw.uniform(0.2, 2, rows).astype(np.float32)}


def logits_of(inputs: dict[str, np.ndarray]) -> np.ndarray:
    """[B, 2, K] in float64 and in so many words."""
    kept = inputs["mask"][..., np.newaxis] / inputs["mask"].sum(1)[:, np.newaxis, np.newaxis]
    words = WEIGHTS["vectors"][inputs["ids"]].astype(np.float64)
    lifted = np.maximum(words @ WEIGHTS["layer"], 0)
    exits = [(words * kept).sum(1) @ WEIGHTS["head0"], (lifted * kept).sum(1) @ WEIGHTS["head1"]]
    return np.stack(exits, axis=1) * inputs["scale"][:, np.newaxis, np.newaxis]


@settings(deadline=None)  # the machine may be busy
@given(rows=st.integers(1, 9), length=st.integers(2, 12), seed=st.integers(0, 1000))
def test_every_exit_answers_as_numpy_does_at_every_length(engine: Engine, rows: int, length: int, seed: int) -> None:
    inputs = texts(rows, length, seed)
    every, expected = engine.all_exits(inputs), logits_of(inputs)
    np.testing.assert_allclose(every.logits, expected, rtol=1e-4, atol=1e-4)
    result = engine(inputs)
    near = (np.abs(every.scores - np.float32(TAU)) < 1e-5).any(1)
    np.testing.assert_array_equal(result.exits[~near], exits_at(every.scores, TAU)[~near])
    np.testing.assert_allclose(
        result.logits[~near], expected[np.arange(rows), result.exits][~near], rtol=1e-4, atol=1e-4
    )


@settings(deadline=None)  # the machine may be busy
@given(rows=st.integers(1, 5), length=st.integers(2, 12), seed=st.integers(0, 1000))
def test_calls_streams_and_anytime_answers_agree(engine: Engine, rows: int, length: int, seed: int) -> None:
    inputs = texts(rows, length, seed)
    whole = engine(inputs, tau=1)
    parts = [*engine.stream(inputs, tau=1)]
    assert [part.rows.tolist() for part in parts] == [[*range(rows)]]
    np.testing.assert_allclose(parts[0].logits, whole.logits, atol=1e-5)
    for i in range(rows):
        one = {name: array[i : i + 1] for name, array in inputs.items()}
        single = {name: array[i] for name, array in inputs.items()}  # without the batch axis
        np.testing.assert_allclose(engine(one, tau=1).logits[0], whole.logits[i], atol=1e-4)
        np.testing.assert_array_equal(engine(single, tau=1).logits, engine(one, tau=1).logits)
        *_, last = engine.anytime(one)
        np.testing.assert_allclose(last.logits, whole.logits[i], atol=1e-4)


def test_whole_numbers_may_be_narrower_and_lie_in_memory_as_they_like(engine: Engine) -> None:
    inputs = texts(3, 5)
    expected = engine(inputs, tau=1).logits
    for dtype in (np.int32, np.uint8, np.int16, ">i4", np.uint32):
        np.testing.assert_array_equal(engine({**inputs, "ids": inputs["ids"].astype(dtype)}, tau=1).logits, expected)
    strided = np.asfortranarray(inputs["ids"])
    flipped = inputs["mask"][:, ::-1].copy()[:, ::-1]
    np.testing.assert_array_equal(engine({**inputs, "ids": strided, "mask": flipped}, tau=1).logits, expected)


def test_only_numbers_with_a_fraction_are_asked_whether_they_are_finite(engine: Engine) -> None:
    inputs = texts(3, 5)
    inputs["scale"][1] = np.nan
    with pytest.warns(NonFiniteWarning, match="1 of 3 rows"):
        assert engine(inputs).exits[1] == -1
    with pytest.warns(NonFiniteWarning, match="1 of 3 rows"):
        assert np.isnan(engine.all_exits(inputs).scores[1]).all()


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in texts(2, 5).items() if key != name}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (np.zeros((2, 5), np.int64), r"the bundle reads 'ids', 'mask', 'scale'; give a mapping"),
        (np.array(3), r"the bundle reads 'ids', 'mask', 'scale'; give a mapping"),
        (without("mask"), r"the inputs given are 'ids', 'scale'; the bundle reads 'ids', 'mask', 'scale'"),
        ({**texts(2, 5), "type": np.zeros(2)}, r"given are .*'type'; the bundle reads"),
        ({**without("mask"), "Mask": np.ones((2, 5), bool)}, r"given are .*'Mask'; the bundle reads"),
        ({}, r"given are none; the bundle reads"),
        (
            {**texts(2, 5), "ids": np.zeros((2, 5), np.float32)},
            r"'ids': rows have the dtype float32; .* int64 \[batch, le",
        ),
        ({**texts(2, 5), "ids": np.zeros((2, 5), np.uint64)}, r"'ids': rows have the dtype uint64"),
        ({**texts(2, 5), "mask": np.ones((2, 5), np.int64)}, r"'mask': rows have the dtype int64; .* bool"),
        ({**texts(2, 5), "mask": np.ones((2, 5), np.uint8)}, r"'mask': rows have the dtype uint8; .* bool"),
        ({**texts(2, 5), "scale": np.ones(2)}, r"'scale': rows have the dtype float64"),
        ({**texts(2, 5), "ids": [[1, 2], [3, 4]]}, r"'ids': the list holds a list; give"),
        ({**texts(2, 5), "ids": np.zeros((2, 5, 1), np.int64)}, r"'ids': rows have the shape \[2, 5, 1\]"),
        ({**texts(2, 5), "ids": [np.zeros(3, np.int64), np.zeros(4, np.int64)]}, r"'ids': .*\[3\] and \[4\]; pad them"),
        ({**texts(2, 5), "mask": np.ones((2, 6), bool)}, r"axis 'length' is 5 in 'ids' and 6 in 'mask'; pad both"),
        (texts(2, 13), r"input 'ids' is 13 on the axis 'length'; the bundle takes 2 to 12"),
        (texts(2, 1), r"input 'ids' is 1 on the axis 'length'; the bundle takes 2 to 12"),
        ({**texts(2, 5), "scale": np.ones(3, np.float32)}, r"as many rows .* 'ids' has 2, 'mask' has 2, 'scale' has 3"),
        ({**texts(2, 5), "ids": np.zeros((0, 5), np.int64)}, r"'ids': no rows: the batch is empty"),
        ({**texts(2, 5), "ids": np.zeros((2, 0), np.int64)}, r"'ids': rows have the shape \[2, 0\]"),
    ],
)
def test_what_the_bundle_does_not_read_is_refused(engine: Engine, given: Any, text: str) -> None:
    for call in (engine, engine.predict_one, engine.stream, engine.all_exits, engine.anytime):
        with pytest.raises(InputError, match=text):
            call(given)


def test_the_only_input_may_be_given_by_its_name_too(tiny_engine: Engine) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8), np.uint8)
    np.testing.assert_array_equal(tiny_engine({"input": images}).logits, tiny_engine(images).logits)
    with pytest.raises(InputError, match="given are 'image'; the bundle reads 'input'"):
        tiny_engine({"image": images})


def test_batches_of_growing_and_shrinking_lengths_follow_one_another(engine: Engine) -> None:
    for rows, length in ((2, 3), (7, 12), (3, 2), (9, 12), (1, 12), (1, 2), (2, 3)):
        inputs = texts(rows, length, seed=rows)
        np.testing.assert_allclose(engine(inputs, tau=1).logits, logits_of(inputs)[:, 1], rtol=1e-4, atol=1e-4)


def test_texts_of_one_length_are_joined(engine: Engine) -> None:
    steps, inputs = engine._running(), texts(5, 7)
    first, second = ({name: array[part] for name, array in inputs.items()} for part in (slice(0, 2), slice(2, 5)))
    one, other = steps.start(first, [0, 1], steps.never), steps.start(second, [2, 3, 4], steps.never)
    steps.step(one)
    steps.step(other)
    step = steps.step(steps.join(one, other))
    np.testing.assert_allclose(step.exit.logits, logits_of(inputs)[:, 1], rtol=1e-4, atol=1e-4)

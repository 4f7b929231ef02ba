"""How two backends' answers to the same rows compare."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import eeinfer
from eeinfer.backends.chosen import Agreement
from eeinfer.bench.tune.agreement import agreement
from eeinfer.bundle.folder import Bundle
from eeinfer.result import AllExits


@pytest.fixture
def bundle(tiny_bundle: Path) -> Bundle:
    return Bundle.open(tiny_bundle)


def test_a_backend_agrees_with_itself_at_the_bundles_own_thresholds_and_those_of_its_parity(bundle: Bundle) -> None:
    found = agreement(bundle, "onnxruntime", "onnxruntime", images=None, seed=0)
    assert (found.decisions, found.predictions, found.score_error) == (1, 1, 0)
    assert set(found.taus) == {*bundle.manifest.taus, *bundle.manifest.parity.taus}
    assert found.rows == 64


def test_images_that_are_given_are_compared_and_no_more_than_there_are(bundle: Bundle) -> None:
    spec = bundle.manifest.input.tensor
    images = np.zeros((5, *spec.sizes()), spec.dtype)
    assert agreement(bundle, "onnxruntime", "onnxruntime", images=images, seed=0).rows == 5


Change = Callable[[NDArray[Any], AllExits], None]  # of the answers to these rows


class Fake:
    """Rows of three classes that nothing is near to, but what ``change`` does."""

    def __init__(self, exits: int, change: Change = lambda rows, answers: None) -> None:
        self._exits, self._change = exits, change

    def __enter__(self) -> "Fake":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def all_exits(self, rows: NDArray[Any]) -> AllExits:
        shape = len(rows), self._exits
        answers = AllExits(
            scores=np.full(shape, np.float32(0.1)),
            predictions=np.zeros(shape, np.int64),
            logits=np.tile(np.array([3, 1, 0], np.float32), (*shape, 1)),
        )
        self._change(rows, answers)
        return answers


@pytest.fixture
def compared(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> Callable[[Change, Change], Agreement]:
    def found(one: Change, other: Change) -> Agreement:
        exits = len(bundle.manifest.segments)
        engines = {"onnxruntime": Fake(exits, one), "openvino": Fake(exits, other)}
        monkeypatch.setattr("eeinfer.bench.tune.agreement.load", lambda path, backend: engines[backend])
        return agreement(bundle, "onnxruntime", "openvino", images=None, seed=0)

    return found


def nothing(rows: NDArray[Any], answers: AllExits) -> None:
    """Leave the answers as they are."""


def first_of_each_call(score: float, prediction: int) -> Change:
    def change(rows: NDArray[Any], answers: AllExits) -> None:
        answers.scores[0, 0], answers.predictions[0, 0] = score, prediction

    return change


def near(rows: NDArray[Any], answers: AllExits) -> None:
    """Two classes of the first row are as near as kernels are apart."""
    answers.logits[0, 0] = [3, 3.0001, 0]


def restless(rows: NDArray[Any], answers: AllExits) -> None:
    """The first row's logits hang on the last bit of its numbers."""
    answers.logits[0, 0, 0] += rows[0].view(np.int32).sum() % 997


def test_scores_classes_and_decisions_that_differ_are_counted(
    bundle: Bundle, compared: Callable[[Change, Change], Agreement]
) -> None:
    found, exits = compared(nothing, first_of_each_call(0.95, 1)), len(bundle.manifest.segments)
    crossed = sum(0.1 <= tau < 0.95 for tau in found.taus)
    assert crossed
    assert found.predictions == pytest.approx(1 - 1 / (8 * exits))
    assert found.decisions == pytest.approx(1 - crossed / len(found.taus) / (8 * exits))
    assert found.score_error == pytest.approx(0.85)
    assert found.compared == 1


def test_a_score_that_is_none_is_as_far_as_can_be(compared: Callable[[Change, Change], Agreement]) -> None:
    assert compared(nothing, first_of_each_call(np.nan, 0)).score_error == 1
    assert compared(first_of_each_call(np.nan, 0), nothing).score_error == 1
    assert compared(first_of_each_call(np.nan, -1), first_of_each_call(np.nan, -1)).score_error == 0


def test_either_of_two_classes_that_are_tied_is_right(compared: Callable[[Change, Change], Agreement]) -> None:
    assert compared(near, first_of_each_call(0.1, 1)).predictions == 1
    assert compared(nothing, first_of_each_call(0.1, 1)).predictions < 1


def test_what_hangs_on_the_last_bit_of_the_input_is_not_compared(
    compared: Callable[[Change, Change], Agreement],
) -> None:
    found = compared(restless, first_of_each_call(0.95, 1))
    assert (found.predictions, found.decisions, found.score_error) == (1, 1, 0)
    assert found.compared == 1 - 1 / 8


def test_openvino_agrees_on_the_shipped_network() -> None:
    pytest.importorskip("openvino")
    found = agreement(Bundle.open(eeinfer.samples.bundle_path()), "onnxruntime", "openvino", images=None, seed=0)
    assert (found.decisions, found.predictions) == (1, 1)
    assert 0 < found.score_error < 1e-4

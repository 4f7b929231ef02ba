"""How two backends' answers to the same rows compare."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import eeinfer
from eeinfer.bench.tune.agreement import agreement
from eeinfer.bundle.folder import Bundle


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


def test_scores_classes_and_decisions_that_differ_are_counted(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    exits = len(bundle.manifest.segments)

    class Fake:
        def __init__(self, score: float, prediction: int) -> None:
            self._score, self._prediction = score, prediction

        def __enter__(self) -> "Fake":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def all_exits(self, images: Any) -> Any:
            scores, predictions = np.full((len(images), exits), np.float32(0.1)), np.zeros((len(images), exits), int)
            scores[0, 0], predictions[0, 0] = self._score, self._prediction
            return SimpleNamespace(scores=scores, predictions=predictions)

    engines = {"onnxruntime": Fake(0.1, 0), "openvino": Fake(0.95, 1)}
    monkeypatch.setattr("eeinfer.bench.tune.agreement.load", lambda path, backend: engines[backend])
    found = agreement(bundle, "onnxruntime", "openvino", images=None, seed=0)
    crossed = sum(0.1 <= tau < 0.95 for tau in found.taus)
    assert crossed
    assert found.predictions == pytest.approx(1 - 1 / (8 * exits))
    assert found.decisions == pytest.approx(1 - crossed / len(found.taus) / (8 * exits))
    assert found.score_error == pytest.approx(0.85)


def test_openvino_agrees_on_the_shipped_network() -> None:
    pytest.importorskip("openvino")
    found = agreement(Bundle.open(eeinfer.samples.bundle_path()), "onnxruntime", "openvino", images=None, seed=0)
    assert (found.decisions, found.predictions) == (1, 1)
    assert 0 < found.score_error < 1e-4

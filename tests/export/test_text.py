"""A multi-exit encoder of text goes the whole way: ids, a mask and a length that varies, at every exit as in torch."""

from pathlib import Path

import numpy as np
import pytest
import torch
from text_networks import CLASSES, LONGEST, text_encoder, texts

import eeinfer
from eeinfer.backends.ort.sessions import open_session
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import Axis
from eeinfer.export import export_bundle, export_single_file
from eeinfer.machine import cache

LENGTH = {1: ("length", 1, LONGEST)}
DYNAMIC = {"input_ids": LENGTH, "attention_mask": LENGTH}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("text") / "text"
    return export_bundle(text_encoder(), texts(1, 9), out, dynamic=DYNAMIC)


def test_the_manifest_names_inputs_and_the_axis_with_its_bounds(bundle: Path) -> None:
    manifest = Bundle.open(bundle).manifest
    found = [(input.tensor.name, input.tensor.dtype, input.tensor.shape) for input in manifest.inputs]
    assert found == [("input_ids", "int64", ("length",)), ("attention_mask", "int64", ("length",))]
    assert manifest.axes == {"length": Axis(min=1, max=LONGEST)}
    assert any("length" in tensor.shape for segment in manifest.segments for tensor in segment.carried)
    assert all(exit.predictions_equal and exit.max_abs_error < 1e-5 for exit in manifest.parity.exits)


@pytest.mark.parametrize("opening", ["first", "second", "without a cache"])
def test_every_exit_answers_as_torch_does(bundle: Path, opening: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if opening == "without a cache":
        monkeypatch.setenv(cache.VARIABLE, "off")
    model = text_encoder()
    with eeinfer.load(bundle, threads=1) as engine:
        assert engine.optimised == (opening != "without a cache")
        for rows in (1, 7, 32):
            for length in (5, LONGEST):
                batch = texts(rows, length, seed=rows)
                with torch.no_grad():
                    expected = torch.stack(model(**batch), 1).numpy()
                given = {name: tensor.numpy() for name, tensor in batch.items()}
                found = engine.all_exits(given)
                np.testing.assert_allclose(found.logits, expected, atol=1e-5)
                np.testing.assert_array_equal(found.predictions, expected.argmax(-1))
                taus = float(np.median(found.scores))
                result = engine(given, tau=taus)
                np.testing.assert_allclose(result.logits, found.logits[np.arange(rows), result.exits], atol=1e-5)
                if rows == 32:
                    assert len(set(result.exits.tolist())) > 1


def test_real_texts_alone_will_do(tmp_path: Path) -> None:
    out = export_bundle(
        text_encoder(),
        texts(1, 9),
        tmp_path / "m",
        classes=[str(c) for c in range(CLASSES)],
        real_inputs=texts(20, 9),
        random_inputs=False,
    )
    assert Bundle.open(out).manifest.parity.inputs == ("real",)


def test_one_file_with_every_exit_answers_as_the_engine(bundle: Path, tmp_path: Path) -> None:
    session = open_session(export_single_file(bundle, tmp_path / "one"), threads=1)[0]
    given = {name: tensor.numpy() for name, tensor in texts(7, 11, seed=3).items()}
    with eeinfer.load(bundle, threads=1) as engine:
        tau = float(np.median(engine.all_exits(given).scores))
        result = engine(given, tau=tau)
    found = session.run(["exit", "prediction"], {**given, "tau": np.full(len(engine.manifest.taus), tau, np.float32)})
    assert [values.tolist() for values in found] == [result.exits.tolist(), result.predictions.tolist()]

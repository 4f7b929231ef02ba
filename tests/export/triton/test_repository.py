"""Model repositories as files: Triton's own messages read them, and their segments answer as the bundle."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from disks import full_disk

import eeinfer
from eeinfer.bundle.layout import EXIT_OUTPUTS
from eeinfer.bundle.manifest import TensorSpec
from eeinfer.errors import BundleError, ConfigError, ExportError
from eeinfer.export.triton.api import export_triton
from eeinfer.export.triton.config import TritonConfig
from eeinfer.export.triton.text import config_text


def read_config(model: Path) -> Any:
    """config.pbtxt as Triton's message; an unknown field or a wrong type raises."""
    messages = pytest.importorskip("tritonclient.grpc.model_config_pb2")
    from google.protobuf import text_format

    return text_format.Parse((model / "config.pbtxt").read_text(), messages.ModelConfig())


def test_the_scheduler_takes_what_the_bundle_takes(words_bundle: Path, tmp_path: Path) -> None:
    repository = export_triton(words_bundle, tmp_path / "models")
    assert sorted(path.name for path in repository.iterdir()) == ["words", "words_stream"]
    for name, decoupled in (("words", False), ("words_stream", True)):
        config = read_config(repository / name)
        assert {one.name: [*one.dims] for one in config.input} == {"ids": [-1], "mask": [-1], "scale": [1]}
        assert (config.name, config.backend, config.model_transaction_policy.decoupled) == (name, "python", decoupled)
        assert [one.name for one in config.output][:4] == ["prediction", "score", "exit", "logits"]
        compile((repository / name / "1" / "model.py").read_text(), "model.py", "exec")
    copy = (
        repository / "words_stream" / "1" / read_config(repository / "words_stream").parameters["bundle"].string_value
    )
    with eeinfer.load(copy, threads=1) as engine:
        assert engine.manifest.name == eeinfer.load(words_bundle, threads=1).manifest.name


def test_segments_for_onnxruntime_chain_to_the_engines_answers(tiny_bundle: Path, tmp_path: Path) -> None:
    repository = export_triton(tiny_bundle, tmp_path / "models", TritonConfig(segments="onnxruntime"))
    images = np.random.default_rng(0).normal(0, 1, (5, 1, 8, 8)).astype(np.float32)
    tensors, scores = {"input": images}, []
    whole = read_config(repository / "tiny")
    names = whole.parameters["segments"].string_value.split(",")
    assert {path.name for path in repository.iterdir()} == {"tiny", *names}
    for name in names:
        config = read_config(repository / name)
        graph = repository / name / "1" / config.default_model_filename
        assert [path.name for path in graph.parent.iterdir()] == [graph.name]
        session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
        assert {one.name for one in session.get_inputs()} == {one.name for one in config.input}
        outputs = [one.name for one in config.output]
        assert config.max_batch_size == 0
        found = session.run(outputs, {one.name: tensors[one.name] for one in config.input})
        for one, array in zip(config.output, found, strict=True):
            assert [-1, *array.shape[1:]] == [*one.dims]
        tensors |= dict(zip(outputs, found, strict=True))
        scores.append(tensors["score"])
    assert set(EXIT_OUTPUTS) <= set(tensors)
    with eeinfer.load(tiny_bundle, threads=1) as engine:
        alone = engine(images, tau=1.0)
    np.testing.assert_allclose(scores[-1], alone.scores, atol=1e-5)
    np.testing.assert_allclose(tensors["logits"], alone.logits, atol=1e-4)


def test_what_cannot_be_written_changes_nothing(tiny_bundle: Path, tmp_path: Path) -> None:
    target = tmp_path / "models"
    with pytest.raises(ConfigError, match="onnxruntime or python"):
        export_triton(tiny_bundle, target, TritonConfig(segments="tensorrt"))
    with pytest.raises(BundleError, match="no bundle"):
        export_triton(tmp_path / "nothing.eeb", target)
    with full_disk(1000), pytest.raises(ExportError, match="nothing was changed"):
        export_triton(tiny_bundle, target)
    assert not [*tmp_path.iterdir()]
    target.mkdir()
    with pytest.raises(ExportError, match="models exists; name a new folder"):
        export_triton(tiny_bundle, target)
    assert not [*target.iterdir()]


def test_names_and_numbers_that_triton_does_not_have() -> None:
    with pytest.raises(ExportError, match="'state' holds bfloat16"):
        config_text("m", "python", 1, [TensorSpec(name="state", dtype="bfloat16", shape=(2,))], [], {})
    assert r'name: "say \"é\""' in config_text('say "é"', "python", 1, [], [], {})

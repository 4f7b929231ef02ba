"""The protocol's own client gets the answers of `eeinfer.load`, over HTTP and gRPC, for every bundle of the tests."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import servers
from PIL import Image

import eeinfer

OUTPUTS = ("prediction", "score", "exit", "logits")
KINDS = ("http", "grpc")


@pytest.fixture(scope="module", params=KINDS)
def client(request: pytest.FixtureRequest, server: servers.Server) -> Iterator[tuple[Any, Any]]:
    module = pytest.importorskip(f"tritonclient.{request.param}")
    url = server.http if request.param == "http" else server.grpc
    found = module.InferenceServerClient(url)
    yield module, found
    found.close()


def ask(client: tuple[Any, Any], model: str, given: dict[str, np.ndarray], **how: Any) -> Any:
    module, found = client
    from tritonclient.utils import np_to_triton_dtype

    inputs = []
    for name, array in given.items():
        inputs.append(module.InferInput(name, array.shape, np_to_triton_dtype(array.dtype)))
        inputs[-1].set_data_from_numpy(array)
    classes = how.pop("class_count", 0)
    outputs = [module.InferRequestedOutput(name, class_count=classes) for name in how.pop("outputs", OUTPUTS)]
    return found.infer(model, inputs, outputs=outputs, **how)


def given_for(model: str) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    if model == "words":
        mask = np.ones((3, 7), np.bool_)
        return {"ids": rng.integers(0, 20, (3, 7)), "mask": mask, "scale": np.ones(3, np.float32)}
    if model == "scripted":
        return {"input": np.array([[0.1, 0.9, 0.3, 511], [0.1, 0.2, 0.3, 512]], np.float32)}
    return {"input": rng.normal(0, 1, (12, 1, 8, 8)).astype(np.float32)}


@pytest.mark.parametrize("model", ["tiny", "words", "scripted"])
def test_answers_are_those_of_the_engine(client: tuple[Any, Any], model: str, request: pytest.FixtureRequest) -> None:
    given = given_for(model)
    alone = eeinfer.load(request.getfixturevalue(f"{model}_bundle"), threads=1, tau=0.5)(given)
    reply = ask(client, model, given, parameters={"tau": "0.5"})
    np.testing.assert_array_equal(reply.as_numpy("prediction"), alone.predictions)
    np.testing.assert_array_equal(reply.as_numpy("exit"), alone.exits)
    np.testing.assert_allclose(reply.as_numpy("score"), alone.scores, atol=1e-5)
    np.testing.assert_allclose(reply.as_numpy("logits"), alone.logits, atol=1e-4)


def test_pixels_and_files_are_prepared_as_by_the_engine(client: tuple[Any, Any], tiny_bundle: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (4, 20, 20), np.uint8)
    alone = eeinfer.load(tiny_bundle, threads=1)(pixels)
    files = np.empty(4, object)
    for i, image in enumerate(pixels):
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG")
        files[i] = buffer.getvalue()
    for images in (pixels, files):
        reply = ask(client, "tiny", {"input": images})
        np.testing.assert_array_equal(reply.as_numpy("prediction"), alone.predictions)
        np.testing.assert_allclose(reply.as_numpy("logits"), alone.logits, atol=1e-4)


def test_classes_come_by_name(client: tuple[Any, Any], tiny_bundle: Path) -> None:
    given = given_for("tiny")
    engine = eeinfer.load(tiny_bundle, threads=1)
    reply = ask(client, "tiny", given, outputs=("logits",), class_count=2)
    logits, named = engine(given).logits, reply.as_numpy("logits")
    assert named.shape == (12, 2)
    value, index, label = named[0, 0].decode().split(":")
    assert (int(index), label) == (logits[0].argmax(), engine.manifest.classes[logits[0].argmax()])
    assert float(value) == pytest.approx(logits[0].max(), abs=1e-4)


def test_health_metadata_and_repository(client: tuple[Any, Any]) -> None:
    module, found = client
    plain = (lambda reply: reply) if "http" in module.__name__ else _as_dict
    assert found.is_server_live()
    assert found.is_server_ready()
    assert found.is_model_ready("tiny")
    assert not found.is_model_ready("nobody")
    assert plain(found.get_server_metadata())["name"] == "eeinfer"
    facts = plain(found.get_model_metadata("words"))
    shapes = {part["name"]: [int(size) for size in part["shape"]] for part in facts["inputs"]}
    assert shapes == {"ids": [-1, -1], "mask": [-1, -1], "scale": [-1]}
    index = plain(found.get_model_repository_index())
    rows = index if isinstance(index, list) else index["models"]
    assert {row["name"]: row["state"] for row in rows} == dict.fromkeys(("tiny", "words", "scripted"), "READY")


def _as_dict(reply: Any) -> Any:
    from google.protobuf.json_format import MessageToDict

    return MessageToDict(reply)


def test_a_model_is_unloaded_and_comes_back_as_another_version(client: tuple[Any, Any]) -> None:
    _, found = client
    error = pytest.importorskip("tritonclient.utils").InferenceServerException
    found.unload_model("scripted")
    assert not found.is_model_ready("scripted")
    with pytest.raises(error, match="no model 'scripted' is ready"):
        ask(client, "scripted", given_for("scripted"))
    found.load_model("scripted")
    assert len(ask(client, "scripted", given_for("scripted")).as_numpy("exit")) == 2
    with pytest.raises(error, match="no bundle 'nobody'"):
        found.load_model("nobody")


def test_what_cannot_be_answered_is_told(client: tuple[Any, Any]) -> None:
    error = pytest.importorskip("tritonclient.utils").InferenceServerException
    good = given_for("tiny")
    for model, given, how, text in (
        ("nobody", good, {}, "no model 'nobody'"),
        ("tiny", {"other": good["input"]}, {}, "the bundle reads 'input'"),
        ("tiny", {"input": good["input"][:, :, :4]}, {}, "the network reads float32"),
        ("tiny", {"input": good["input"].astype(np.float64)}, {}, "dtype float64"),
        ("tiny", good, {"outputs": ("colour",)}, "unknown output 'colour'"),
        ("tiny", good, {"parameters": {"tau": "2"}}, "tau is 2"),
        ("tiny", good, {"parameters": {"colour": "red"}}, "unknown parameter 'colour'"),
        ("tiny", good, {"parameters": {"deadline_ms": "-1"}}, "deadline_ms is -1"),
        ("tiny", {"input": np.array([b"no image"], object)}, {}, "no JPEG or PNG"),
        ("tiny", good, {"model_version": "77"}, "has version"),
    ):
        with pytest.raises(error, match=text):
            ask(client, model, given, **how)

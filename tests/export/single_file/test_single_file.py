"""One ONNX file with nested Ifs: it answers as the engine, and computes no more than it has to."""

import json
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import small_methods
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from method_networks import inputs

import eeinfer
from eeinfer.backends.ort.sessions import open_session
from eeinfer.errors import BundleError, ExportError, NonFiniteWarning
from eeinfer.export import export_single_file
from eeinfer.export.parting import widest_gap
from eeinfer.export.single_file import api as single_file
from eeinfer.export.single_file import nested
from eeinfer.export.single_file.nested import ANSWERS

STEPS = [0.0, 0.25, 0.5, 0.75, 1.0]  # both scores and taus, so that equality occurs


def ask(session: Any, x: np.ndarray, taus: object = None) -> dict[str, np.ndarray]:
    feed = {"input": x} if taus is None else {"input": x, "tau": np.asarray(taus, np.float32)}
    return dict(zip(ANSWERS, session.run(list(ANSWERS), feed), strict=True))


def same(found: dict[str, np.ndarray], result: eeinfer.Result, atol: float = 1e-4) -> None:
    np.testing.assert_array_equal(found["exit"], result.exits)
    np.testing.assert_array_equal(found["prediction"], result.predictions)
    np.testing.assert_allclose(found["score"], result.scores, atol=atol)
    np.testing.assert_allclose(found["logits"], result.logits, atol=atol)


@pytest.fixture(scope="module")
def tiny_file(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_single_file(tiny_bundle, tmp_path_factory.mktemp("single") / "tiny")


@pytest.fixture(scope="module")
def tiny(tiny_file: Path) -> Any:
    return open_session(tiny_file, threads=1)[0]


@pytest.fixture(scope="module")
def scripted(scripted_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    path = export_single_file(scripted_bundle, tmp_path_factory.mktemp("single") / "scripted.onnx")
    return open_session(path, threads=1)[0]


@pytest.fixture(scope="module")
def words_file(words_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_single_file(words_bundle, tmp_path_factory.mktemp("single") / "words.onnx")


@settings(max_examples=60, deadline=None)
@given(
    scores=st.lists(st.tuples(*[st.sampled_from([-1.0, *STEPS])] * 3), min_size=1, max_size=9),
    taus=st.tuples(*[st.sampled_from(STEPS)] * 3),
)
def test_every_pattern_of_exits_equals_the_engine(
    scripted: Any, scripted_engine: eeinfer.Engine, scores: list[tuple[float, ...]], taus: tuple[float, ...]
) -> None:
    x = np.array([(*row, name) for name, row in enumerate(scores)], np.float32)  # a negative score becomes NaN
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NonFiniteWarning)
        same(ask(scripted, x, taus), scripted_engine(x, tau=list(taus)))


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 999),
    rows=st.integers(1, 9),
    taus=st.tuples(*[st.floats(0, 1, width=32)] * 3),
    bad=st.booleans(),
)
def test_random_images_and_taus_equal_the_engine(
    tiny: Any, tiny_engine: eeinfer.Engine, seed: int, rows: int, taus: tuple[float, ...], bad: bool
) -> None:
    x = np.random.default_rng(seed).normal(0, 1, (rows, 1, 8, 8)).astype(np.float32)
    if bad:
        x[seed % rows, 0, 3, 3] = (np.nan, np.inf, -np.inf)[seed % 3]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NonFiniteWarning)
        scores = tiny_engine.all_exits(x).scores
        clear = [
            float(tau) if np.nanmin(abs(scores[:, k] - tau), initial=1) > 1e-5 else 0 for k, tau in enumerate(taus)
        ]
        same(ask(tiny, x, clear), tiny_engine(x, tau=clear))


def test_without_tau_the_bundles_own_hold(tiny: Any, tiny_engine: eeinfer.Engine) -> None:
    x = np.random.default_rng(3).normal(0, 1, (20, 1, 8, 8)).astype(np.float32)
    found = ask(tiny, x)
    assert len(set(found["exit"].tolist())) > 1
    same(found, tiny_engine(x))


@pytest.mark.parametrize("method", ["ztw", "gpf", "pabee", "boostnet"])
def test_methods_that_carry_state(method: str, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    built = small_methods.network(method)
    bundle = small_methods.check(built, tmp_path).path
    session, _ = open_session(export_single_file(bundle), threads=1)
    x = inputs(9, small_methods.SHAPE, seed=3).numpy()
    with eeinfer.load(bundle, threads=1) as engine:
        scores = engine.all_exits(x).scores
        for taus in (0.0, 1.0, [widest_gap(column) for column in scores.T]):
            same(ask(session, x, np.broadcast_to(taus, 3)), engine(x, tau=taus))


def kernels(file: Path, folder: Path, x: np.ndarray, taus: list[float]) -> Counter[str]:
    """How many kernels of each segment ran, by their names in the profile."""
    options = ort.SessionOptions()
    options.enable_profiling, options.profile_file_prefix = True, str(folder / "profile")
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL  # which gives fused nodes new names
    session = ort.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    ask(session, x, taus)
    events = json.loads(Path(session.end_profiling()).read_text())
    names = [event["name"] for event in events if event["name"].endswith("_kernel_time")]
    return Counter(
        f"segment {k}" for k in range(3) for name in names if f"exit_{k:02d}/answers_column" in name
    ) + Counter(event["args"]["op_name"] for event in events if event["name"].endswith("_kernel_time"))


@pytest.mark.parametrize(("taus", "reached"), [([0, 0, 0], 1), ([1, 0, 0], 2), ([1, 1, 0], 3)])
def test_branches_not_taken_are_not_computed(tiny_file: Path, tmp_path: Path, taus: list[float], reached: int) -> None:
    ran = kernels(tiny_file, tmp_path, np.ones((2, 1, 8, 8), np.float32), taus)
    assert [ran[f"segment {k}"] for k in range(3)] == [int(k < reached) for k in range(3)]
    assert ran["MatMul"] == reached  # one head per segment
    assert ran["Conv"] == min(reached, 2)  # the last segment has none


def test_the_file_says_how_to_use_it(tiny_file: Path, tiny_bundle: Path) -> None:
    model = onnx.load(tiny_file)
    onnx.checker.check_model(model, full_check=True)
    assert model.opset_import[0].version == 17  # the bundle's
    assert [value.name for value in model.graph.output] == ["prediction", "exit", "score", "logits"]
    assert [value.name for value in model.graph.input] == ["input", "tau"]
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(facts["classes"]) == [f"class {i}" for i in range(5)]
    assert json.loads(facts["preprocess"])["mean"] == [0.5]
    assert json.loads(facts["taus"]) == [0.8] * 3
    assert (facts["name"], facts["score"]) == ("tiny", "max_softmax")
    assert [path.name for path in tiny_file.parent.iterdir()] == ["tiny.onnx"]


def test_large_weights_lie_beside_the_file(tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single_file, "EMBEDDED_BYTES", 0)
    monkeypatch.setattr(single_file, "EXTERNAL_TENSOR_BYTES", 0)
    path = export_single_file(tiny_bundle, tmp_path / "m")
    assert {found.name for found in tmp_path.iterdir()} == {"m.onnx", "m.onnx.data"}
    ask(open_session(path, threads=1)[0], np.ones((1, 1, 8, 8), np.float32))
    with pytest.raises(ExportError, match="--force"):
        export_single_file(tiny_bundle, tmp_path / "m")


def test_a_file_that_answers_otherwise_is_not_let_out(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stay = nested._stay

    def wrong(k: int, still_in: str) -> list[onnx.NodeProto]:
        nodes = stay(k, still_in)
        next(node for node in nodes if node.op_type == "Greater").op_type = "Less"
        return nodes

    monkeypatch.setattr(nested, "_stay", wrong)
    with pytest.raises(ExportError, match="leaves the single file at exit"):
        export_single_file(tiny_bundle, tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_more_exits_than_protobuf_nests_are_refused(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nested, "MAX_EXITS", 2)
    with pytest.raises(ExportError, match="3 exits; a single file nests at most 2"):
        export_single_file(tiny_bundle, tmp_path / "m.onnx")


@pytest.mark.parametrize("length", [2, 7, 12])
@pytest.mark.parametrize("tau", [0.0, 0.6, 1.0, (0.8, 0.1)])
def test_several_inputs_and_a_dynamic_axis_answer_as_the_engine(
    words_bundle: Path, words_file: Path, length: int, tau: float | tuple[float, float]
) -> None:
    session = open_session(words_file, threads=1)[0]
    draw = np.random.default_rng(length)
    given = {
        "ids": draw.integers(0, 20, (9, length)),
        "mask": draw.random((9, length)) < 0.8,
        "scale": draw.random(9).astype(np.float32),
    }
    given["mask"][:, 0] = True
    given["scale"][4] = np.nan
    with eeinfer.load(words_bundle, threads=1) as engine, warnings.catch_warnings():
        warnings.simplefilter("ignore", NonFiniteWarning)
        result = engine(given, tau=tau)
    taus = np.broadcast_to(np.float32(tau), 2)
    found = dict(zip(ANSWERS, session.run(list(ANSWERS), {**given, "tau": taus}), strict=True))
    same(found, result)
    assert found["exit"][4] == found["prediction"][4] == -1


def test_a_file_of_several_inputs_says_what_they_are(words_file: Path) -> None:
    model = onnx.load(words_file)
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert [input["tensor"]["name"] for input in json.loads(told["inputs"])] == ["ids", "mask", "scale"]
    assert json.loads(told["axes"]) == {"length": {"min": 2, "max": 12}}
    assert [value.name for value in model.graph.input] == ["ids", "mask", "scale", "tau"]


def test_an_existing_file_is_replaced_only_by_force(tiny_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_text("mine")
    with pytest.raises(ExportError, match="--force"):
        export_single_file(tiny_bundle, tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_text() == "mine"
    export_single_file(tiny_bundle, tmp_path / "m.onnx", force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]
    onnx.checker.check_model(str(tmp_path / "m.onnx"))


def test_places_and_sources_that_cannot_be(bundle_copy: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out, sentence in (
        (bundle_copy / "m.onnx", "inside the bundle"),
        (tmp_path, "is a folder"),
        (tmp_path / "m.eeb", "is a bundle's name"),
        (tmp_path / "file" / "m.onnx", "cannot write beside"),
    ):
        with pytest.raises(ExportError, match=sentence):
            export_single_file(bundle_copy, out)
    with pytest.raises(BundleError, match="no bundle at"):
        export_single_file(tmp_path / "missing.eeb")

"""OpenVINO as a backend: the same answers as ONNX Runtime's, and what it does not run is refused in a sentence."""

import gc
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from agreement import SCORES, check_agreement
from altered_bundles import DAMAGE, edit, swap
from closing import closed_under_callers
from system_bundles import WRITERS, rows

import eeinfer
from eeinfer import BundleError, ConfigError, Engine, samples
from eeinfer.errors import DependencyError, NonFiniteWarning
from eeinfer.machine import cache
from eeinfer.training.methods import METHODS
from eeinfer.training.recipes.tiny import TINY

pytest.importorskip("openvino", reason="pip install 'eeinfer[openvino]'")


def opened(bundle: Path | None, **given: object) -> Engine:
    return eeinfer.load(bundle, backend="openvino", **{"threads": 1, **given})  # type: ignore[arg-type]


@pytest.fixture(scope="module", params=[name for name in WRITERS if name != "scripted"])
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return WRITERS[request.param](tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("count", [1, 7, 32])
def test_every_system_answers_alike_at_every_exit(system: Path, count: int) -> None:
    with opened(system) as ours, eeinfer.load(system, backend="onnxruntime", threads=1) as theirs:
        check_agreement(ours, theirs, rows(ours.bundle, count))


def test_no_method_is_forgotten() -> None:
    """Of the other ones tests/test_systems.py trains a network each, and asks OpenVINO there."""
    assert {*METHODS} <= {*WRITERS} | {make().method.name for make in TINY}


def test_the_shipped_bundle_decides_as_with_onnx_runtime() -> None:
    images = samples.images()[0]
    with opened(None) as ours, eeinfer.load(backend="onnxruntime", threads=1) as theirs:
        mine, yours = ours(images), theirs(images)
        clear = ~(mine.near_tau | yours.near_tau)
        assert clear.mean() > 0.99
        np.testing.assert_array_equal(mine.exits[clear], yours.exits[clear])
        np.testing.assert_array_equal(mine.predictions[clear], yours.predictions[clear])
        alone = [ours(image[np.newaxis]) for image in images[:20]]
        assert [one.exits[0] for one in alone] == mine.exits[:20].tolist()


@pytest.mark.parametrize("options", [{}, {"streams": "2"}, {"device": "CPU"}])
def test_many_callers_get_their_own_answers(options: dict[str, str]) -> None:
    images = samples.images()[0][:64]
    with opened(None, options=options) as engine, ThreadPoolExecutor(8) as pool:
        expected = engine(images, tau=0.8)
        singles = [*pool.map(lambda i: engine(images[i : i + 1], tau=0.8), range(len(images)))]
        batches = [*pool.map(lambda i: engine(images[i : i + 8], tau=0.8), range(0, len(images), 8))]
        for results in (singles, batches):
            assert np.concatenate([result.predictions for result in results]).tolist() == expected.predictions.tolist()
            scores = np.concatenate([result.scores for result in results])
            np.testing.assert_allclose(scores, expected.scores, rtol=0, atol=SCORES)


def test_answers_outlive_later_calls() -> None:
    images = samples.images()[0][:9]
    with opened(None) as engine:
        first, kept = engine(images), engine(images).logits.copy()
        one, alone = engine(images[:1]), engine(images[:1]).logits.copy()
        for start in range(1, 9):
            engine(images[start : start + 1])
            engine(images[::-1])
        np.testing.assert_array_equal(first.logits, kept)
        np.testing.assert_array_equal(one.logits, alone)


@pytest.mark.parametrize("count", [1, 3])
def test_logits_that_are_not_finite_are_no_answer(tiny_bundle: Path, count: int) -> None:
    images = np.full((count, 1, 8, 8), 3e38, np.float32)  # sums of such numbers are infinite, of both signs
    with opened(tiny_bundle) as engine:
        with pytest.warns(NonFiniteWarning):
            result = engine(images, tau=1)
        assert result.predictions.tolist() == [-1] * count
        assert not result.valid.any()


def test_an_output_of_fewer_rows_is_not_taken_for_an_answer(bundle_copy: Path) -> None:
    path, node = bundle_copy / "segment_00.onnx", onnx.helper.make_node
    model = onnx.load(path, load_external_data=False)
    for maker in model.graph.node:
        maker.output[:] = ["of every row" if name == "score" else name for name in maker.output]
    zero, one, begin = (onnx.numpy_helper.from_array(np.array([x], t)) for x, t in ((0, "f4"), (1, "f4"), (0, "i8")))
    model.graph.node.extend(
        [
            node("Constant", [], ["zero"], value=zero),
            node("Constant", [], ["one"], value=one),
            node("Constant", [], ["begin"], value=begin),
            node("ReduceSum", ["of every row"], ["all"], keepdims=0),
            node("Mul", ["all", "zero"], ["none"]),
            node("Add", ["none", "one"], ["size"]),  # 1, which is seen when it runs
            node("Cast", ["size"], ["end"], to=onnx.TensorProto.INT64),
            node("Slice", ["of every row", "begin", "end"], ["score"]),
        ]
    )
    swap(bundle_copy, path.name, model.SerializeToString())
    with (
        opened(bundle_copy) as engine,
        pytest.raises(BundleError, match=r"segment_00\.onnx does not run with 3 rows: output 'score' has the shape"),
    ):
        engine(np.zeros((3, 1, 8, 8), np.float32))


def test_what_openvino_cannot_compile_is_named(bundle_copy: Path) -> None:
    path = bundle_copy / "segment_01.onnx"
    model = onnx.load(path, load_external_data=False)
    for node in model.graph.node:
        if node.op_type == "Relu":
            node.op_type = "Hardmax"
            node.attribute.append(onnx.helper.make_attribute("axis", 77))
    swap(bundle_copy, path.name, model.SerializeToString())
    with pytest.raises(BundleError, match=r"segment_01\.onnx.*backend='onnxruntime'") as refused:
        opened(bundle_copy)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kept", [True, False])
@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_told_in_the_words_of_the_other_backends(
    bundle_copy: Path, damage: str, kept: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    images = np.zeros((2, 8, 8), np.uint8)
    if kept:
        with opened(bundle_copy) as engine:
            engine(images)
    DAMAGE[damage](bundle_copy)
    said = []
    for backend in ("openvino", "onnxruntime"):
        with pytest.raises(BundleError) as caught:
            eeinfer.load(bundle_copy, backend=backend, threads=1)
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert kept or not (tmp_path / "cache" / "openvino").exists()


@pytest.mark.parametrize("options", [{}, {"streams": "2"}])
def test_closing_lets_calls_under_way_finish_and_memory_go(tiny_bundle: Path, options: dict[str, str]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)

    def ask(engine: Engine) -> Iterator[int]:
        for count in range(200):
            yield len(engine(images, tau=0.9)) - len(engine(images[count % 40], tau=0.9))

    done = closed_under_callers(
        lambda: opened(tiny_bundle, options=options), images, ask, lambda engine: engine._running().backend
    )
    assert done.answered <= {39}
    assert done.streamed <= 40
    gc.collect()
    assert done.held() is None


@pytest.mark.parametrize("precision", ["bf16", "fp8"])
def test_precisions_that_were_not_tried_are_refused(bundle_copy: Path, precision: str) -> None:
    edit(bundle_copy, lambda manifest: manifest.update(precision=precision))
    with pytest.raises(BundleError, match=f"is in {precision}, which backend 'openvino' does not run"):
        opened(bundle_copy)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"options": {"level": "1"}}, "has no option 'level'; it has: device, streams"),
        ({"options": {"device": "GPU.7"}}, "no device 'GPU.7' here; option 'device' takes one of: .*CPU"),
        ({"options": {"streams": "0"}}, "option 'streams' is '0'; give"),
        ({"options": {"streams": "many"}}, "option 'streams' is 'many'; give"),
        ({"threads": "shared:2"}, "pools of its own: give a count"),
        ({"threads": 0}, "threads is 0"),
        ({"device": "cuda"}, "runs on the CPU and device is 'cuda'"),
    ],
)
def test_mistakes_get_a_sentence(tiny_bundle: Path, given: dict[str, object], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        opened(tiny_bundle, **given)


def test_without_the_package_it_says_what_to_install(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(DependencyError, match=r"pip install 'eeinfer\[openvino\]'"):
        opened(tiny_bundle)


def test_onnx_runtime_is_not_loaded_for_it(tiny_bundle: Path) -> None:
    """In a process of its own, where nothing else has loaded it."""
    code = """
import sys, eeinfer
print(eeinfer.load(sys.argv[1], backend="openvino", threads=1).backend, "onnxruntime" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code, tiny_bundle], capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == ["openvino", "False"], done.stderr


def test_many_threads_may_open_it_first_and_nobody_is_told(tiny_bundle: Path) -> None:
    """In a process of its own: only the first import and the first conversion count."""
    code = """
import sys, threading, eeinfer
def opened(): eeinfer.load(sys.argv[1], backend="openvino", threads=1)
threads = [threading.Thread(target=opened) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("openvino_telemetry" in sys.modules, "openvino" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code, tiny_bundle], capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == ["False", "True"], done.stderr


@pytest.mark.parametrize(
    ("threads", "streams", "pinned"), [(4, 1, True), (2, 2, True), (2, 1, False), (1, 1, False), (8, 1, False)]
)
def test_threads_that_take_all_cores_are_pinned_and_others_leave_the_choice_to_the_system(
    threads: int, streams: int, pinned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eeinfer.backends.openvino import library

    monkeypatch.setattr(library, "physical_cores", lambda: 4)
    found = library.settings("CPU", threads, {"streams": str(streams)})
    assert (found["INFERENCE_NUM_THREADS"], found["ENABLE_CPU_PINNING"]) == (threads * streams, pinned)


def test_a_caller_may_run_on_all_cores_afterwards_as_before() -> None:
    """In a process of its own: a thread that stayed pinned would pin whatever it starts."""
    code = (
        "import os, eeinfer; from eeinfer.machine.cores import physical_cores; from eeinfer import samples\n"
        "before = os.sched_getaffinity(0)\n"
        "engine = eeinfer.load(backend='openvino', threads=physical_cores()); engine(samples.images()[0][:3])\n"
        "assert os.sched_getaffinity(0) == before, os.sched_getaffinity(0)"
    )
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux says on which cores a thread may run")
    subprocess.run([sys.executable, "-c", code], check=True)

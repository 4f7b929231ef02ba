"""Plans in a bundle: what is written, what is refused, and that nothing half-made is left."""

import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from altered_bundles import edit as edit_manifest
from altered_bundles import swap
from onnx import TensorProto, helper

import eeinfer
from eeinfer.bundle.builds import builds, find_build, survey
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import BundleError, ExportError
from eeinfer.export.trt import TrtConfig, build_plans
from eeinfer.export.trt.messages import interrupts_held

pytestmark = pytest.mark.usefixtures("rtx")

SM86 = TrtConfig(targets=("sm86",), batches=(1, 4))
TURING = TrtConfig(targets=("sm75",))  # TensorRT-RTX multiplies no float32 matrices there


@pytest.fixture(scope="module")
def built(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny bundle with plans for two GPUs; for looking only."""
    path = shutil.copytree(tiny_bundle, tmp_path_factory.mktemp("built") / "tiny.eeb")
    build_plans(path, TrtConfig(targets=("sm86", "sm120"), batches=(1, 4), tf32=False))
    return path


def folders(bundle: Path) -> list[str]:
    """Everything below engines, hidden or not."""
    return sorted(path.name for path in bundle.glob("engines/*"))


def test_every_target_has_a_folder_that_says_what_it_was_built_for(built: Path, rtx: Any) -> None:
    found = builds(Bundle.open(built))
    assert [build.folder for build in found] == ["engines/tensorrt_rtx-sm120", "engines/tensorrt_rtx-sm86"]
    for build in found:
        assert (build.library, build.library_version, build.batches) == ("tensorrt_rtx", rtx.__version__, (1, 4))
        assert build.flags["tf32"] is False
        assert [plan.file for plan in build.plans] == [f"segment_{k:02d}.engine" for k in range(3)]
        assert all(plan.bytes > 1000 and plan.seconds > 0 for plan in build.plans)


def test_the_bundle_is_the_same_one(built: Path, tiny_bundle: Path) -> None:
    assert (built / "manifest.json").read_bytes() == (tiny_bundle / "manifest.json").read_bytes()
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8), np.uint8)
    with eeinfer.load(built, threads=1) as ours, eeinfer.load(tiny_bundle, threads=1) as theirs:
        np.testing.assert_array_equal(ours(images).scores, theirs(images).scores)


def test_progress_counts_the_plans_of_each_target(bundle_copy: Path) -> None:
    told: list[tuple[str, int, int]] = []
    build_plans(bundle_copy, SM86, progress=lambda *step: told.append(step))
    assert told == [("building tensorrt_rtx-sm86", done, 3) for done in range(4)]


def test_plans_are_replaced_only_with_force(built: Path, tmp_path: Path) -> None:
    bundle = shutil.copytree(built, tmp_path / "copy.eeb")
    with pytest.raises(ExportError, match="tensorrt_rtx-sm86 exists; build it again with --force"):
        build_plans(bundle, TrtConfig(targets=("sm89", "sm86")))
    assert folders(bundle) == ["tensorrt_rtx-sm120", "tensorrt_rtx-sm86"], "refused before anything was built"
    build_plans(bundle, TrtConfig(targets=("sm86",), batches=(2,)), force=True)
    assert [build.batches for build in builds(Bundle.open(bundle))] == [(1, 4), (2,)]


def test_whatever_lies_in_the_place_gives_way_to_force(bundle_copy: Path) -> None:
    (bundle_copy / "engines" / "tensorrt_rtx-sm86").mkdir(parents=True)
    (bundle_copy / "engines" / "tensorrt_rtx-sm86" / "segment_00.engine").write_text("half of one")
    [found] = survey(Bundle.open(bundle_copy))
    assert found.problem is not None
    build_plans(bundle_copy, SM86, force=True)
    [found] = survey(Bundle.open(bundle_copy))
    assert found.problem is None


def test_a_failure_names_segment_and_node_and_leaves_nothing(bundle_copy: Path) -> None:
    sentence = r"cannot build segment_00.onnx \(exit at stage0\) for sm75: .*FP32 GEMM is not supported.*eeinfer\[gpu\]"
    with pytest.raises(ExportError, match=sentence) as caught:
        build_plans(bundle_copy, TURING)
    assert "/_src/" not in str(caught.value)
    assert not (bundle_copy / "engines").exists()


def test_a_failure_leaves_what_was_there(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = shutil.copytree(built, tmp_path / "copy.eeb")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("eeinfer.export.trt.api.encode_build", full)
    with pytest.raises(ExportError, match="No space left on device; nothing was changed"):
        build_plans(bundle, SM86, force=True)
    assert folders(bundle) == ["tensorrt_rtx-sm120", "tensorrt_rtx-sm86"]
    assert [found.problem for found in survey(Bundle.open(bundle))] == [None, None]


def test_targets_before_the_one_that_fails_are_kept(bundle_copy: Path) -> None:
    with pytest.raises(ExportError, match="for sm75"):
        build_plans(bundle_copy, TrtConfig(targets=("sm86", "sm75"), batches=(1,)))
    assert folders(bundle_copy) == ["tensorrt_rtx-sm86"]


def test_ctrl_c_leaves_nothing(bundle_copy: Path) -> None:
    def pressed(_doing: str, done: int, _planned: int) -> None:
        if done == 1:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        build_plans(bundle_copy, SM86, progress=pressed)
    assert not (bundle_copy / "engines").exists()


def test_ctrl_c_waits_for_the_library_and_is_not_lost() -> None:
    reached = []

    def work() -> None:
        with interrupts_held():
            signal.raise_signal(signal.SIGINT)
            reached.append(True)

    with pytest.raises(KeyboardInterrupt):
        work()
    assert reached
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_where_plans_cannot_lie_nothing_is_built(bundle_copy: Path) -> None:
    (bundle_copy / "engines").write_text("a file")
    with pytest.raises(ExportError, match=r"cannot write into .*copy\.eeb: File exists"):
        build_plans(bundle_copy, SM86)


def test_a_library_that_does_not_start_says_why(bundle_copy: Path, rtx: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(log: Any) -> None:
        log.log(rtx.ILogger.ERROR, "CUDA initialization failure with error: 35")
        raise TypeError("pybind11::init(): factory function returned nullptr")

    monkeypatch.setattr(rtx, "Builder", nothing)
    with pytest.raises(ExportError, match="does not start, CUDA initialization failure with error: 35; look at"):
        build_plans(bundle_copy, SM86)
    assert not (bundle_copy / "engines").exists()


def test_a_damaged_bundle_is_refused(bundle_copy: Path) -> None:
    (bundle_copy / "segment_01.onnx").write_bytes(b"damaged")
    with pytest.raises(BundleError, match=r"segment_01\.onnx"):
        build_plans(bundle_copy, SM86)


def test_a_node_that_the_library_does_not_know_is_named(bundle_copy: Path) -> None:
    change(bundle_copy, lambda graph: graph.node.insert(0, helper.make_node("Det", ["input"], ["d"], name="the_det")))
    with pytest.raises(ExportError, match=r"segment_00.onnx .*node the_det \(Det\): "):
        build_plans(bundle_copy, SM86)


def test_a_type_that_the_library_would_change_is_refused(bundle_copy: Path) -> None:
    """float64 becomes float32 without a word; the runtime would allocate twice too much and read nonsense."""

    def widen(graph: onnx.GraphProto) -> None:
        graph.node.append(helper.make_node("Cast", ["c0"], ["wide"], to=TensorProto.DOUBLE))
        graph.output.append(helper.make_tensor_value_info("wide", TensorProto.DOUBLE, ["batch", 4, 8, 8]))

    change(bundle_copy, widen, carried={"name": "wide", "dtype": "float64", "shape": [4, 8, 8]})
    with pytest.raises(ExportError, match="tensor wide would be float32 and is float64 in the manifest"):
        build_plans(bundle_copy, SM86)


def test_plans_of_a_bundle_that_was_changed_are_stale(built: Path, tmp_path: Path, rtx: Any) -> None:
    bundle = shutil.copytree(built, tmp_path / "copy.eeb")
    change(bundle, lambda graph: graph.node.append(helper.make_node("Relu", ["input"], ["unused"])))
    with pytest.raises(BundleError, match=r"segment_00.engine is stale: segment_00.onnx or its weights changed"):
        find_build(Bundle.open(bundle), library="tensorrt_rtx", library_version=rtx.__version__, capability=(8, 6))
    build_plans(bundle, SM86, force=True)
    assert [found.problem is None for found in survey(Bundle.open(bundle))] == [False, True]


def change(bundle: Path, edit: Any, carried: dict[str, Any] | None = None) -> None:
    """Edit the graph of segment 0, and the manifest with it."""
    path = bundle / "segment_00.onnx"
    model = onnx.load(path, load_external_data=False)
    edit(model.graph)
    swap(bundle, path.name, model.SerializeToString())
    if carried:
        edit_manifest(bundle, lambda data: data["segments"][0]["carried"].append(carried))

"""Opening TensorRT plans: what does not fit is refused in one sentence."""

import gc
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from fake_cuda import FakeCuda
from fake_tensorrt import add_plans, fake_tensorrt, hide
from native_engines import fakes, with_plans

import eeinfer
from eeinfer.bundle.build_record import BUILD_NAME, RTX
from eeinfer.bundle.folder import hash_file
from eeinfer.bundle.layout import bytes_per_sample
from eeinfer.bundle.manifest import TensorSpec
from eeinfer.errors import BundleError, ConfigError, DependencyError


@pytest.fixture
def planned(tiny_bundle: Path, tmp_path: Path) -> Path:
    return with_plans(tiny_bundle, tmp_path)


def load(bundle: Path, **options: str) -> eeinfer.Engine:
    return eeinfer.load(bundle, backend="tensorrt", device="cuda", options=options)


def rewrite(bundle: Path, plan: int, change: dict[str, object]) -> None:
    """Change the note that is the fake's plan, and vouch for it again."""
    [folder] = (bundle / "engines").iterdir()
    file, build = folder / f"segment_{plan:02d}.engine", json.loads((folder / BUILD_NAME).read_text())
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    found = hash_file(file)
    build["plans"][plan] |= {"sha256": found.sha256, "bytes": found.bytes}
    (folder / BUILD_NAME).write_text(json.dumps(build))


def test_an_engine_says_where_it_runs(planned: Path) -> None:
    with fakes(FakeCuda()), load(planned) as engine:
        assert (engine.backend, engine.device, engine.threads) == ("tensorrt", "cuda", None)


def test_rtx_plans_run_where_the_other_library_has_none(tiny_bundle: Path, tmp_path: Path) -> None:
    copy, cuda = shutil.copytree(tiny_bundle, tmp_path / "copy.eeb"), FakeCuda()
    add_plans(copy, library=RTX)
    with fakes(cuda), pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, RTX, fake_tensorrt(cuda, name=RTX))
        with load(copy) as engine:
            assert engine(np.zeros((8, 8), np.uint8), tau=0).exits.tolist() == [0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"level": "4"}, r"level is '4'; backend 'tensorrt' takes 0, 1, 2, 3$"),
        ({"level": ""}, r"level is ''; backend 'tensorrt' takes 0, 1, 2, 3$"),
        ({"speed": "11"}, r"backend 'tensorrt' has no option 'speed'; it has: level$"),
    ],
)
def test_options_that_are_none_are_refused(planned: Path, options: dict[str, str], message: str) -> None:
    with fakes(FakeCuda()), pytest.raises(ConfigError, match=message):
        load(planned, **options)


def test_threads_have_no_effect_and_that_is_said(planned: Path) -> None:
    with fakes(FakeCuda()), pytest.warns(UserWarning, match="threads=2 has no effect: the segments run on the GPU"):
        eeinfer.load(planned, backend="tensorrt", device="cuda", threads=2)


def test_a_bundle_without_plans_names_the_command_that_builds_them(tiny_bundle: Path) -> None:
    with fakes(FakeCuda()), pytest.raises(BundleError, match=r"no tensorrt plans for sm86.*eeinfer export .* --trt"):
        load(tiny_bundle)


def test_both_libraries_give_their_reasons(tiny_bundle: Path) -> None:
    cuda = FakeCuda()
    with fakes(cuda), pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, RTX, fake_tensorrt(cuda, name=RTX))
        with pytest.raises(BundleError, match=r"no tensorrt plans for sm86.*; or .*no tensorrt_rtx plans for sm86"):
            load(tiny_bundle)


def test_a_missing_library_names_the_extra(planned: Path) -> None:
    with fakes(FakeCuda()), pytest.MonkeyPatch.context() as patch:  # undone before the fakes are
        hide(patch, "tensorrt")
        with pytest.raises(DependencyError, match=r"needs the tensorrt package.*pip install 'eeinfer\[tensorrt\]'"):
            load(planned)


def test_a_library_that_does_not_load_says_why(planned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tensorrt.py").write_text("raise OSError('libnvinfer.so.11: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    with fakes(FakeCuda()), pytest.MonkeyPatch.context() as patch:
        patch.delitem(sys.modules, "tensorrt")
        with pytest.raises(DependencyError, match=r"tensorrt is installed but does not load \(libnvinfer.so.11"):
            load(planned)


def test_what_the_library_does_not_accept_comes_with_its_words(planned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [folder] = (planned / "engines").iterdir()
    (folder / "segment_01.engine").write_bytes(b"not a plan")
    monkeypatch.setattr("eeinfer.backends.trt.engines.find_build", lambda bundle, **_: _recorded(folder))
    with (
        fakes(FakeCuda()),
        pytest.raises(
            BundleError,
            match=r"does not accept .*segment_01\.engine: magic tag does not match; build it again with: eei",
        ),
    ):
        load(planned)


def _recorded(folder: Path) -> object:
    from eeinfer.bundle.build_record import decode_build

    return decode_build((folder / BUILD_NAME).read_bytes(), where=folder, remedy="")


@pytest.mark.parametrize(
    ("plan", "change", "message"),
    [
        (0, {"inputs": {"image": ["float32", [1, 8, 8]]}}, r"segment_00\.engine has the tensors carried_00, .*image"),
        (
            1,
            {"inputs": {"carried_00": ["float32", [4, 8, 8]], "carried_02": ["float16", [5]]}},
            r"'carried_02' as float",
        ),
        (
            1,
            {"inputs": {"carried_00": ["float32", [4, 8, 9]], "carried_02": ["float32", [5]]}},
            r"'carried_00' .* 8, 9\], ",
        ),
        (2, {"batches": [1, 8]}, r"segment_02\.engine has 2 profiles for 3 batch sizes"),
    ],
)
def test_a_plan_that_is_not_the_manifests_is_refused(
    planned: Path, plan: int, change: dict[str, object], message: str
) -> None:
    rewrite(planned, plan, change)
    with fakes(FakeCuda()), pytest.raises(BundleError, match=message + ".*build it again"):
        load(planned)


def test_a_size_that_the_library_leaves_open_is_the_manifests(planned: Path) -> None:
    [folder] = (planned / "engines").iterdir()
    note = json.loads((folder / "segment_02.engine").read_text())
    rewrite(planned, 2, {"shown": {"logits": [-1]}, "outputs": note["outputs"]})
    with fakes(FakeCuda()), load(planned) as engine:
        assert engine(np.zeros((8, 8), np.uint8), tau=1).exits.tolist() == [2]


@pytest.mark.parametrize(
    ("dtype", "size"),
    [("float32", 4), ("float16", 2), ("bfloat16", 2), ("float8_e4m3fn", 1), ("int64", 8), ("bool", 1)],
)
def test_rows_of_every_type_have_a_size(dtype: str, size: int) -> None:
    assert bytes_per_sample(TensorSpec(name="x", dtype=dtype, shape=(3, 5))) == 15 * size
    assert bytes_per_sample(TensorSpec(name="x", dtype=dtype, shape=())) == size


def test_an_altered_plan_is_refused_unless_hashes_are_skipped(planned: Path) -> None:
    [folder] = (planned / "engines").iterdir()
    file = folder / "segment_00.engine"
    file.write_bytes(file.read_bytes().replace(b" ", b"\t"))
    with fakes(FakeCuda()):
        with pytest.raises(BundleError, match=r"segment_00\.engine was altered"):
            load(planned)
        with eeinfer.load(planned, backend="tensorrt", device="cuda", verify=False) as engine:
            assert len(engine(np.zeros((2, 8, 8), np.uint8))) == 2


def test_a_plan_that_does_not_run_gives_everything_back(planned: Path) -> None:
    cuda = FakeCuda()
    with (
        fakes(cuda, runs=False),
        pytest.raises(eeinfer.EeinferError, match=r"cannot run the plan of segment_00\.onnx: out of tactics"),
    ):
        load(planned)
    gc.collect()
    assert (cuda.alive(), cuda.misuses) == ({}, [])

"""Loading has the optimised form made where it is missing; whatever goes wrong on the way, an engine comes of it.

What holds for the form holds for what OpenVINO compiled, which is kept beside it: `is_kept` asks for whichever it is.
"""

import errno
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from altered_bundles import swap
from kept_here import IMAGES, PARTS, entries, raising, scores

import eeinfer
from eeinfer.backends.openvino import kept
from eeinfer.backends.ort import optimised
from eeinfer.backends.ort.segments import OpenSegments
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import ExportError
from eeinfer.machine.cache import VARIABLE
from eeinfer.machine.locks import locked


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.usefixtures("makes_a_form")
@pytest.mark.parametrize(
    "error",
    [
        ValueError("not enough values to unpack"),
        OSError(errno.ENOSPC, "No space left on device"),
        PermissionError(errno.EACCES, "Permission denied"),
        FileNotFoundError(errno.ENOENT, "No such file or directory"),
        MemoryError(),
        ExportError("cannot be cut"),
        RecursionError("too deep"),
        RuntimeError("bad allocation"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("step", ["api.write_segments", "api._copied", "api._publish", "segments.fuse_attention"])
def test_whatever_the_maker_raises_the_bundles_own_segments_run_and_nothing_is_remembered(
    tiny_bundle: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    step: str,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(f"eeinfer.export.optimise.{step}", raising(error))
        scores(tiny_bundle, form=False)
    assert len(caplog.records) == 1
    assert "run as they are" in caplog.text
    assert not [*(cache / "optimised").iterdir()], "nothing half written, no lock, no refusal"
    scores(tiny_bundle, form=True)


@pytest.mark.usefixtures("makes_a_form")
@pytest.mark.skipif(sys.platform == "win32", reason="the limit of open files is set as POSIX does it")
def test_a_moment_without_file_descriptors_is_not_remembered(
    tiny_bundle: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    def starved(*args: Any, **options: Any) -> Any:
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
        try:
            return OpenSegments(*args, **options)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)

    with monkeypatch.context() as patch:
        patch.setattr("eeinfer.export.optimise.trial.OpenSegments", starved)
        scores(tiny_bundle, form=False)
    assert not [*(cache / "optimised").iterdir()]
    scores(tiny_bundle, form=True)


@pytest.mark.usefixtures("makes_a_form")
@pytest.mark.parametrize("name", ["onnx", "eeinfer.export.optimise.api"])
def test_without_the_packages_of_the_maker_the_bundles_own_segments_run(
    tiny_bundle: Path, cache: Path, name: str
) -> None:
    code = "import sys; sys.modules[sys.argv[2]] = None; import eeinfer; print(eeinfer.load(sys.argv[1]).optimised)"
    done = subprocess.run([sys.executable, "-c", code, tiny_bundle, name], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "False", done.stderr
    assert not cache.exists()


@pytest.mark.usefixtures("makes_a_form")
def test_what_answers_differently_is_remembered_and_never_used(
    tiny_bundle: Path, bundle_copy: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model.onnx that is not the network of the segments: the segments are what the bundle promises."""
    _double_the_weights(bundle_copy)
    wanted = scores(tiny_bundle, form=True)
    for _ in range(2):
        np.testing.assert_allclose(scores(bundle_copy, form=False), wanted, atol=1e-5)
    assert caplog.text.count("answer differently") == 1, "not tried twice"
    monkeypatch.setattr("onnxruntime.__version__", "99.0")
    scores(bundle_copy, form=False)
    assert caplog.text.count("answer differently") == 2, "another version is another matter"


def _double_the_weights(bundle: Path) -> None:
    import onnx
    from onnx import numpy_helper

    path = bundle / "model.onnx"
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * 2, tensor.name))
    swap(bundle, path.name, model.SerializeToString())


def place(bundle: Bundle, loop: str) -> Path:
    """Return the folder of what is kept, of OpenVINO's that for one row."""
    found = optimised.place(bundle)
    if loop == "openvino":
        file = kept.place(bundle, "one")
        found = None if file is None else file.parent
    assert found is not None
    return found


def test_who_does_not_get_the_lock_runs_the_bundles_own_segments(
    tiny_bundle: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, loop: str
) -> None:
    monkeypatch.setattr("eeinfer.loading._MOMENT_S", 0.0)
    path = place(Bundle.open(tiny_bundle), loop)
    path.parent.mkdir(parents=True, mode=0o700)
    cache.chmod(0o700)
    with locked(path.with_name(f".{path.name}.lock"), wait_s=0) as mine:
        assert mine
        scores(tiny_bundle, form=False)
        assert not path.exists()
    scores(tiny_bundle, form=True)


def test_threads_of_one_process_may_open_a_bundle_at_once(tiny_bundle: Path, cache: Path, loop: str) -> None:
    found: list[np.ndarray] = []

    def open_it() -> None:
        with eeinfer.load(tiny_bundle, threads=1) as engine:
            found.append(engine.all_exits(IMAGES).scores)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == len(threads)
    for answer in found:
        np.testing.assert_allclose(answer, found[0], atol=1e-5)
    assert len(entries(cache)) == (len(PARTS) if loop == "openvino" else 1)
    scores(tiny_bundle, form=True)


def test_nothing_is_kept_of_files_that_the_manifest_does_not_vouch_for(bundle_copy: Path, cache: Path) -> None:
    weights = bundle_copy / "weights.bin"
    good = weights.read_bytes()
    weights.write_bytes(np.negative(np.frombuffer(good, np.float32)).tobytes())
    with eeinfer.load(bundle_copy, threads=1, verify=False) as engine:  # as asked: nobody looks
        engine(np.zeros((8, 8), np.uint8))
        engine(IMAGES)
    assert not entries(cache)
    weights.write_bytes(good)
    scores(bundle_copy, form=True)


@pytest.mark.usefixtures("makes_a_form")
def test_nothing_is_kept_of_a_bundle_that_was_replaced_while_it_was_copied(
    bundle_copy: Path, scripted_bundle: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of another bundle, all of them right by their own manifest: not those that the fingerprint stands for."""
    from eeinfer.export.optimise import api

    copy, opened = api.__dict__["_copied"], Bundle.open(bundle_copy)

    def replaced(bundle: Bundle, folder: Path) -> Bundle:
        shutil.rmtree(bundle_copy)
        shutil.copytree(scripted_bundle, bundle_copy)
        found: Bundle = copy(bundle, folder)
        return found

    monkeypatch.setattr(api, "_copied", replaced)
    with pytest.raises((ExportError, eeinfer.BundleError, OSError)):
        api.optimise(opened)
    assert not [*(cache / "optimised").iterdir()]

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import onnxruntime
import pytest

from eeinfer.machine import installed as facts
from eeinfer.machine.installed import collect


def test_what_is_installed_here_is_found() -> None:
    found = collect()
    assert found.runtime is not None
    assert found.runtime.version == onnxruntime.__version__
    assert "CPUExecutionProvider" in found.runtime.providers
    assert found.runtime_problem is None


def runtime(monkeypatch: pytest.MonkeyPatch, folder: Path, **contents: Any) -> None:
    """Put another onnxruntime in the place of the installed one."""
    module = ModuleType("onnxruntime")
    module.__file__ = str(folder / "__init__.py")
    for name, value in contents.items():
        setattr(module, name, value)
    monkeypatch.setitem(sys.modules, "onnxruntime", module)


def test_a_gpu_build_says_what_it_was_built_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    preloaded: list[bool] = []
    runtime(
        monkeypatch,
        tmp_path,
        __version__="1.31.1",
        cuda_version="13.0",
        get_available_providers=lambda: ["CUDAExecutionProvider"],
        preload_dlls=lambda: (preloaded.append(True), print("chatter")),
    )
    (tmp_path / "capi").mkdir()
    (tmp_path / "capi" / facts._PROVIDER).write_bytes(b"\x7fELF...libnvinfer_plugin.so.10\0libnvinfer.so.10\0...")
    monkeypatch.setattr(facts, "_loads", lambda name: name != "libcudnn.so.9" and "nvinfer" not in name)
    monkeypatch.setattr(facts, "tensorrt_library", lambda major: None)
    monkeypatch.setattr(facts.sys, "platform", "linux")
    found = collect().runtime
    assert found is not None
    assert (found.cuda, found.tensorrt, found.providers) == (13, 10, ("CUDAExecutionProvider",))
    assert found.missing == ("libcudnn.so.9", "libnvinfer.so.10")
    assert preloaded == [True]


def test_loading_libraries_beforehand_prints_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def preload() -> None:
        print("Failed to load libcudart.so.13")
        raise RuntimeError("no such folder")

    runtime(
        monkeypatch,
        tmp_path,
        __version__="1.31.1",
        cuda_version="13.0",
        get_available_providers=list,
        preload_dlls=preload,
    )
    collect()
    assert capsys.readouterr().out == ""


def test_an_empty_package_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    runtime(monkeypatch, tmp_path)
    found = collect()
    assert (found.runtime, found.runtime_problem) == (None, "the package is there without its contents")


def test_no_package_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    found = collect()
    assert (found.runtime, found.runtime_problem) == (None, None)


def test_the_library_of_the_tensorrt_wheel_is_found_by_its_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "tensorrt_libs"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "libnvinfer.so.11").write_bytes(b"")
    monkeypatch.syspath_prepend(tmp_path)
    assert facts.tensorrt_library(11) == folder / "libnvinfer.so.11"
    assert facts.tensorrt_library(10) is None

"""OpenVINO's own package: not installed, or installed and broken, each with what mends it."""

import sys
from pathlib import Path

import pytest
from choices import BROKEN, break_openvino

import eeinfer
from eeinfer.backends.openvino.library import obstacle
from eeinfer.errors import DependencyError


def test_one_that_is_not_installed_is_to_be_installed(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    assert obstacle() == "pip install 'eeinfer[openvino]'"
    with pytest.raises(DependencyError, match=r"needs the openvino package: pip install 'eeinfer\[openvino\]'"):
        eeinfer.load(tiny_bundle, backend="openvino")


def test_it_opens_bundles_without_onnx_runtime(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("openvino", reason="pip install 'eeinfer[openvino]'")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with eeinfer.load(tiny_bundle, backend="openvino", threads=1) as engine:
        assert engine.backend == "openvino"


def test_one_that_is_installed_and_does_not_load_is_to_be_installed_again(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_openvino(monkeypatch, tmp_path)
    mend = f"openvino is installed but does not load ({BROKEN}): pip install --force-reinstall openvino"
    assert obstacle() == mend
    with pytest.raises(DependencyError) as caught:
        eeinfer.load(tiny_bundle, backend="openvino")
    assert str(caught.value) == mend

"""What ONNX Runtime leaves in a home, each time in a process of its own: an import happens once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from eeinfer import samples


def reports(code: str, home: Path, **environment: str) -> list[str]:
    """Run code whose home is an empty folder, and return the files of ONNX Runtime's that are in it afterwards."""
    places = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), **environment}
    kept = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120, env={**kept, **places}, capture_output=True)
    return [path.name for path in home.rglob("*") if path.is_file() and "onnxruntime" in str(path.parent)]


PLAIN = f"import onnxruntime as ort; ort.InferenceSession({str(samples.bundle_path() / 'segment_00.onnx')!r})"
OURS = "import eeinfer; eeinfer.load(threads=1)"


def test_onnx_runtime_reports_its_use_to_nobody(tmp_path: Path) -> None:
    if not reports(PLAIN, tmp_path / "plain"):
        pytest.skip("this build of ONNX Runtime reports nothing by itself")
    assert reports(OURS, tmp_path / "ours") == []
    assert reports(f"{OURS}; {PLAIN}", tmp_path / "both") == []


def test_who_imports_it_first_or_decides_for_the_process_is_left_alone(tmp_path: Path) -> None:
    if not reports(PLAIN, tmp_path / "plain"):
        pytest.skip("this build of ONNX Runtime reports nothing by itself")
    assert reports(f"{PLAIN}; {OURS}", tmp_path / "first")
    assert reports(OURS, tmp_path / "decided", ORT_DISABLE_TELEMETRY="0")


def test_the_environment_is_as_it_was_afterwards() -> None:
    code = "import os, eeinfer; eeinfer.load(threads=1); print(os.environ.get('ORT_DISABLE_TELEMETRY'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == os.environ.get("ORT_DISABLE_TELEMETRY", "None")

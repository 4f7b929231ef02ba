import subprocess
import sys
from pathlib import Path

import eeinfer

HEAVY = ("torch", "onnx", "onnxruntime", "timm", "tensorrt", "PIL", "typer", "matplotlib")


def loaded(code: str, *arguments: object) -> set[str]:
    """Top-level packages in sys.modules after the code ran in a Python of its own."""
    command = [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_importing_the_package_loads_nothing_heavy() -> None:
    modules = "eeinfer, eeinfer.samples, eeinfer.preprocess, eeinfer.backends, eeinfer.backends.ort.backend"
    assert loaded(f"import {modules}").isdisjoint(HEAVY)


def test_running_a_bundle_loads_onnxruntime_and_no_framework(tiny_bundle: Path) -> None:
    eeinfer.load(tiny_bundle).close()  # the first load on a machine cuts once more, with the onnx package
    code = """
import sys, numpy as np, eeinfer
eeinfer.load(sys.argv[1], threads=1)(np.zeros((2, 8, 8), np.uint8))
"""
    packages = loaded(code, tiny_bundle)
    assert "onnxruntime" in packages
    assert packages.isdisjoint(set(HEAVY) - {"onnxruntime"})

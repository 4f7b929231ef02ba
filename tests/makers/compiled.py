"""The compiled library for tests: the one that EEINFER_NATIVE names, or one that is built once for all runs."""

import getpass
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from eeinfer.backends.native import library
from eeinfer.backends.native.build import build
from eeinfer.errors import DependencyError
from eeinfer.machine import cache
from eeinfer.machine.locks import locked

ROOT = Path(__file__).parents[2]
BUILD = os.environ.get("EEINFER_BUILD")  # a whole build, as .ci/native leaves it
NAMED = os.environ.get(library.VARIABLE)  # read before tests turn it off
HEADERS = os.environ.get("EEINFER_HEADERS")  # where .ci/headers put them
REQUIRED = "EEINFER_NATIVE_REQUIRED"  # set where skipping would hide a fault


def compiled_library() -> Path:
    """Return the library's file, or skip the test with the reason why there is none."""
    if NAMED and NAMED != library.OFF:
        return Path(NAMED)
    folder = _kept()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(cache.VARIABLE, str(folder))
        try:
            return build(headers=None if HEADERS is None else Path(HEADERS))
        except DependencyError as error:
            if os.environ.get(REQUIRED):
                raise
            pytest.skip(f"the compiled library cannot be built: {error}")


def whole_build() -> Path:
    """Return the folder of a whole build, tools included, or skip the test with the reason why there is none."""
    if BUILD:
        return Path(BUILD)
    missing = [name for name in ("cmake", "c++") if shutil.which(name) is None]
    if missing:
        _absent(f"{' and '.join(missing)} not found")
    folder = _kept() / "build"
    cache.make_folder(folder)
    with locked(folder.with_name(".build.lock"), wait_s=3600):
        made = _run("cmake", "-S", ROOT / "cmake", "-B", folder, "-DCMAKE_CXX_FLAGS=-O0", *headers_options())
        if made.returncode:
            _absent(made.stderr or made.stdout)
        made = _run("cmake", "--build", folder, "--parallel", os.cpu_count() or 1)
        assert made.returncode == 0, made.stdout[-4000:] + made.stderr[-4000:]
    return folder


def headers_options() -> list[str]:
    """What CMake is told of where headers are; nothing where it has to find them by itself."""
    return [] if HEADERS is None else [f"-DONNXRUNTIME_ROOT={HEADERS}", f"-DCMAKE_PREFIX_PATH={HEADERS}/usr"]


def _kept() -> Path:
    return Path(tempfile.gettempdir(), f"eeinfer-tests-{getpass.getuser()}")


def _absent(reason: str) -> None:
    said = f"the compiled library cannot be built: {' '.join(reason.split())[:300]}"
    if os.environ.get(REQUIRED):
        pytest.fail(said)
    pytest.skip(said)


def _run(*command: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)

"""The native programs, built once for all tests; where a compiler or a header is missing the tests skip and say so."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READER, ANSWERER = "EEINFER_READ", "EEINFER_ANSWER"  # name programs that are built already
HEADERS = "EEINFER_HEADERS"  # names the folder that .ci/headers filled
REQUIRED = "EEINFER_NATIVE_REQUIRED"  # set where no test may skip


def built(target: str, folder: Path) -> Path:
    """Build one target of the C++ project and return the program.

    Skips the test where something that it needs is missing; where nothing may be, as in .ci/run, it fails instead.
    """
    missing = [name for name in ("cmake", "c++") if shutil.which(name) is None]
    if missing:
        absent(f"{', '.join(missing)} is not installed")
    options = ["-DEEINFER_BUILD_TESTS=ON", "-DEEINFER_BUILD_TOOLS=OFF", "-DEEINFER_WARNINGS_AS_ERRORS=ON"]
    if headers := os.environ.get(HEADERS):
        options += [f"-DONNXRUNTIME_ROOT={headers}", f"-DCMAKE_PREFIX_PATH={headers}/usr"]
    made = run("cmake", "-S", ROOT / "cmake", "-B", folder, *options)
    if made.returncode:
        absent(made.stderr.strip() or made.stdout.strip())
    made = run("cmake", "--build", folder, "--target", target, "-j", str(os.cpu_count() or 1))
    assert made.returncode == 0, made.stdout[-4000:] + made.stderr[-4000:]
    [program] = (path for path in folder.rglob(target) if path.is_file())
    return program


def absent(reason: str) -> None:
    if os.environ.get(REQUIRED):
        pytest.fail(f"the native programs cannot be built: {reason}")
    pytest.skip(f"the native programs cannot be built: {' '.join(reason.split())[:300]}")


def run(*command: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def build_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where all programs are built: most of their sources are the same."""
    return tmp_path_factory.mktemp("native") / "build"


@pytest.fixture(scope="session")
def reader(build_folder: Path) -> Path:
    """The program that says what the C++ reader makes of bundles."""
    named = os.environ.get(READER)
    return Path(named) if named else built("eeinfer_read", build_folder)


@pytest.fixture(scope="session")
def answerer(build_folder: Path) -> Path:
    """The program that says what the C++ engine answers."""
    named = os.environ.get(ANSWERER)
    return Path(named) if named else built("eeinfer_answer", build_folder)

"""The library as it is installed: found by CMake and by pkg-config, with the tools beside it."""

import os
import shutil
import subprocess
from pathlib import Path

import compiled
import pytest

import eeinfer
from eeinfer import samples
from eeinfer.backends.native.library import onnxruntime_file

CONSUMER = Path(__file__).parents[2] / "cmake" / "examples" / "consumer"


def run(*command: object, **environment: str) -> str:
    runtime = onnxruntime_file()
    named = {} if runtime is None else {"EEINFER_ONNXRUNTIME": str(runtime)}
    parts, told = [str(part) for part in command], {**os.environ, **named, **environment}
    done = subprocess.run(parts, capture_output=True, text=True, env=told, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prefix = tmp_path_factory.mktemp("installed")
    run("cmake", "--install", compiled.whole_build(), "--prefix", prefix)
    return prefix


def test_a_project_of_twelve_lines_finds_it(installed: Path, tmp_path: Path) -> None:
    assert len((CONSUMER / "consumer.cc").read_text().splitlines()) <= 14
    run("cmake", "-S", CONSUMER, "-B", tmp_path, f"-DCMAKE_PREFIX_PATH={installed}")
    run("cmake", "--build", tmp_path)
    assert " at exit " in run(tmp_path / "consumer", samples.bundle_path())


def test_pkg_config_finds_it_wherever_it_was_moved(installed: Path, tmp_path: Path) -> None:
    if shutil.which("pkg-config") is None:
        pytest.skip("there is no pkg-config")
    moved = shutil.copytree(installed, tmp_path / "moved", symlinks=True)
    [folder] = (path.parent for path in moved.rglob("eeinfer.pc"))
    options = run("pkg-config", "--cflags", "--libs", "eeinfer", PKG_CONFIG_PATH=str(folder)).split()
    program = tmp_path / "program"
    run("c++", "-std=c++17", CONSUMER / "consumer.cc", *options, f"-Wl,-rpath,{folder.parent}", "-o", program)
    assert " at exit " in run(program, samples.bundle_path())


def test_the_tools_are_installed_and_say_what_they_take(installed: Path) -> None:
    for tool in ("check", "bench"):
        assert f"eeinfer-{tool} BUNDLE" in run(installed / "bin" / f"eeinfer-{tool}", "--help")


def test_the_versions_of_cmake_and_python_are_one() -> None:
    project = (CONSUMER.parents[1] / "CMakeLists.txt").read_text()
    assert f"project(eeinfer VERSION {eeinfer.__version__} " in project

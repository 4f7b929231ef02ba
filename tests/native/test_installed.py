"""The library as it is installed: found by CMake and by pkg-config, with the tools beside it."""

import os
import shutil
import subprocess
from pathlib import Path

import compiled
import numpy as np
import pytest

import eeinfer
from eeinfer import samples
from eeinfer.backends.native.library import onnxruntime_file
from eeinfer.bundle.folder import Bundle
from eeinfer.export import export_golden
from eeinfer.golden.file import read_golden, write_golden

CONSUMER = Path(__file__).parents[2] / "cmake" / "examples" / "consumer"


def run(*command: object, **environment: str) -> str:
    done = _done(*command, **environment)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def refused(*command: object) -> str:
    """The last line on stderr; status 1 and no signal."""
    done = _done(*command)
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stderr.splitlines()[-1]


def _done(*command: object, **environment: str) -> "subprocess.CompletedProcess[str]":
    runtime = onnxruntime_file()
    named = {} if runtime is None else {"EEINFER_ONNXRUNTIME": str(runtime)}
    told = {**os.environ, **named, **environment}
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, env=told, check=False)


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


def test_the_check_finds_what_was_recorded_and_what_differs(installed: Path, bundle_copy: Path) -> None:
    golden_file, check = export_golden(bundle_copy), installed / "bin" / "eeinfer-check"
    assert "every row leaves where it left" in run(check, bundle_copy, "--tolerance", 0)
    opened = Bundle.open(bundle_copy)
    golden = read_golden(golden_file, opened.manifest, opened.fingerprint)
    golden.exits[int(np.flatnonzero(golden.exits == 0)[0])] = 1
    write_golden(golden_file, golden)
    assert "differs: " in refused(check, bundle_copy)
    golden_file.write_bytes(golden_file.read_bytes()[:100])
    assert str(golden_file) in refused(check, bundle_copy)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--tau", 3), "give a number from 0 to 1"),
        (("--tau", 3, "--callers", 1), "give a number from 0 to 1"),
        (("--calls", 0), "give a whole number, 1 or more"),
        (("--pairs", 0), "give a whole number, 1 or more"),
        (("--callers", "1,x"), "give numbers of threads"),
        (("--networks", "nowhere"), "which is no folder"),
        (("--form", "maybe"), "give on or off"),
    ],
)
def test_the_bench_refuses_in_one_line(installed: Path, options: tuple[object, ...], words: str) -> None:
    assert words in refused(installed / "bin" / "eeinfer-bench", samples.bundle_path(), *options)


def test_the_versions_of_cmake_and_python_are_one() -> None:
    project = (CONSUMER.parents[1] / "CMakeLists.txt").read_text()
    assert f"project(eeinfer VERSION {eeinfer.__version__} " in project

"""The loops beside networks cut at each exit, from C++ and from Python, and with many callers."""

import os
import subprocess
import sys
from pathlib import Path

import compiled
import pytest

from eeinfer.backends.native import library


@pytest.fixture(scope="module")
def program() -> Path:
    return compiled.whole_build() / "tools" / "eeinfer-bench"


def run(*arguments: object, native: Path | str = library.OFF) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "error", "-m", "eeinfer.bench.loops", *map(str, arguments)]
    environment = {**os.environ, library.VARIABLE: str(native)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture(scope="module")
def near_empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("near") / "near.eeb"
    done = run(path, "--near-empty", "--pairs", 6, "--seconds", 0)
    assert done.returncode == 0, done.stderr
    assert "the loop in Python alone: EEINFER_NATIVE is off" in done.stdout
    assert done.stdout.count("onnxruntime  exit") == 8
    return path


def test_every_exit_is_timed_with_either_loop_and_the_networks_are_kept(
    near_empty: Path, native_library: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "cuts"
    done = run(
        near_empty, "--pairs", 6, "--seconds", 0, "--networks", folder, "--threads", 2, "--pool", native=native_library
    )
    assert done.returncode == 0, done.stderr
    for loop in ("native", "onnxruntime"):
        assert sum(line.startswith(f"{loop:<12} exit ") for line in done.stdout.splitlines()) == 8
    assert [path.name for path in sorted(folder.glob("*.onnx"))] == [f"cut_{k:02d}.onnx" for k in range(8)]


def test_the_program_measures_beside_them(near_empty: Path, native_library: Path, program: Path) -> None:
    done = run(near_empty, "--pairs", 6, "--seconds", 0, "--program", program, native=native_library)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("the runs of its segments") == 8
    assert done.stderr.count("cut at exit") == 8
    done = run(
        near_empty, "--callers", "1,2", "--rounds", 1, "--seconds", 0.02, "--program", program, native=native_library
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()[-2:]
    assert all(f"{who} " in line for line in lines for who in ("C++", "native", "onnxruntime"))


def test_calls_leave_no_memory_behind(near_empty: Path, program: Path) -> None:
    runtime = library.onnxruntime_file()
    named = {} if runtime is None else {"EEINFER_ONNXRUNTIME": str(runtime)}
    command = [program, near_empty, "--threads", "1", "--calls", "20000", "--callers", "3"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **named}, check=False)
    assert done.returncode == 0, done.stderr
    [before, after] = [int(line.split()[1].strip(",")) for line in done.stdout.splitlines() if "resident_bytes" in line]
    assert after < before + (1 << 20)


def test_what_is_wrong_is_said_in_one_line(near_empty: Path, tmp_path: Path) -> None:
    done = run(tmp_path / "none.eeb")
    assert (done.returncode, done.stderr.startswith("error: no bundle at ")) == (1, True)
    done = run(near_empty, "--program", tmp_path / "no-program")
    assert (done.returncode, "does not run" in done.stderr, len(done.stderr.splitlines())) == (1, True, 1)
    assert run("--near-empty").returncode == run(near_empty, "--callers", "0,x").returncode == 2

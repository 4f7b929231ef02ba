"""The three files of the page on C++ and C: they build against the package, and answer as Python does."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import compiled
import numpy as np
import pytest
from wheels import build_wheel

import eeinfer
from eeinfer import samples
from eeinfer.backends.native.library import onnxruntime_file

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "cpp.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return found


def said() -> str:
    """What both programs print of a black image."""
    with eeinfer.load(tau=0.8, backend="onnxruntime") as engine:
        result = engine(np.zeros((28, 28), np.uint8))
        return f"{engine.manifest.classes[result.predictions[0]]} at exit {result.exits[0]}"


def run(program: Path) -> str:
    runtime = onnxruntime_file()
    named = {} if runtime is None else {"EEINFER_ONNXRUNTIME": str(runtime)}
    done = subprocess.run(
        [program, samples.bundle_path()], capture_output=True, text=True, env={**os.environ, **named}, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_c_program_runs_with_the_built_library(native_library: Path, tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    (tmp_path / "main.c").write_text(block("c"))
    include = Path(eeinfer.__file__).parent / "include"
    shutil.copy(native_library, tmp_path / "libeeinfer.so.1")
    (tmp_path / "libeeinfer.so").symlink_to("libeeinfer.so.1")
    command = [compiler, "-std=c99", "-Wall", "-Wextra", "-Werror", f"-I{include}", "main.c", "-o", "program"]
    link = ["-L.", "-leeinfer", "-Wl,-rpath,$ORIGIN"]
    done = subprocess.run([*command, *link], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert run(tmp_path / "program") == said()
    failed = subprocess.run([tmp_path / "program", "none.eeb"], capture_output=True, text=True, check=False)
    assert (failed.returncode, failed.stderr.startswith("no bundle at none.eeb")) == (1, True)


def built(folder: Path, lists: str, *options: str) -> Path:
    """Configure and build the project of that page with these CMakeLists.txt, and return its program."""
    (folder / "CMakeLists.txt").write_text(lists)
    (folder / "main.cpp").write_text(block("cpp"))
    for command in (
        ["cmake", "-S", folder, "-B", folder / "build", "-DCMAKE_BUILD_TYPE=None", "-DCMAKE_CXX_FLAGS=-O0", *options],
        ["cmake", "--build", folder / "build", "--target", "consumer", "--parallel", str(os.cpu_count() or 1)],
    ):
        # From there, as Python looks for a module in the folder that it is started in first.
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder / "build" / "consumer"


def test_the_cmake_project_builds_against_the_wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled.whole_build()  # or skips: the same is needed
    (tmp_path / "sources").mkdir()
    site = tmp_path / "site"
    zipfile.ZipFile(build_wheel(tmp_path / "sources")).extractall(site)
    monkeypatch.setenv("PYTHONPATH", str(site))
    (tmp_path / "mine").mkdir()
    program = built(tmp_path / "mine", block("cmake").replace("python3", sys.executable), *compiled.headers_options())
    assert any(f"{site}/eeinfer/csrc" in file.read_text() for file in program.parent.rglob("build.make"))
    assert run(program) == said()


def test_the_cmake_project_builds_against_an_installation(tmp_path: Path) -> None:
    command = ["cmake", "--install", compiled.whole_build(), "--prefix", tmp_path / "installed"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lists = "".join(line for line in block("cmake").splitlines(keepends=True) if "execute_process" not in line)
    assert run(built(tmp_path, lists, f"-DCMAKE_PREFIX_PATH={tmp_path / 'installed'}")) == said()

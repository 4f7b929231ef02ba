"""Building the library: once, under a lock, published whole; what is missing is said. CMake is played by a script."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from eeinfer.backends.native import library
from eeinfer.backends.native.build import build
from eeinfer.errors import ConfigError, DependencyError
from eeinfer.machine import cache

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the script that plays CMake is for a POSIX shell")

# Notes each call; "configures" by keeping where the library is to go, "builds" by copying it there.
CMAKE = """#!/bin/sh
echo "$1" >>'{folder}/calls'
for word in "$@"; do
    case $word in -DCMAKE_LIBRARY_OUTPUT_DIRECTORY=*) echo "${{word#*=}}" >'{folder}/out'; {configure};; esac
done
[ "$1" = -S ] && exit 0
{compile}
out=$(cat '{folder}/out')
mkdir -p "$out" && cp '{library}' "$out/{name}"
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH, with a compiler that nobody calls, and an empty cache."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in ("c++", "sh", "cat", "mkdir", "cp", "sleep"):
        (folder / name).symlink_to(shutil.which(name) or "/bin/sh")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.delenv(library.VARIABLE)
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    return folder


def play(tools: Path, found: Path | str, *, configure: str = ":", compile: str = ":") -> None:
    text = CMAKE.format(folder=tools, library=found, name=library.FILE, configure=configure, compile=compile)
    (tools / "cmake").write_text(text)
    (tools / "cmake").chmod(0o755)


def calls(tools: Path) -> list[str]:
    return (tools / "calls").read_text().split()


def test_it_is_built_once_and_found_then(tools: Path, native_library: Path) -> None:
    play(tools, native_library, compile="sleep 0.2")
    with ThreadPoolExecutor(4) as pool:
        [path] = set(pool.map(lambda _: build(), range(4)))
    assert calls(tools) == ["-S", "--build"]
    assert library.find() == path
    assert [file.name for file in path.parent.iterdir()] == [library.FILE]
    assert [file.name for file in path.parent.parent.iterdir()] == [path.parent.name]
    assert build(again=True) == path
    assert calls(tools) == ["-S", "--build"] * 2
    assert [file.name for file in path.parent.parent.iterdir()] == [path.parent.name]


def test_headers_are_named_to_cmake(tools: Path, native_library: Path, tmp_path: Path) -> None:
    play(tools, native_library)
    (tools / "cmake").write_text((tools / "cmake").read_text().replace('echo "$1"', 'echo "$*"'))
    (tmp_path / "headers").mkdir()
    build(headers=tmp_path / "headers")
    assert f"-DONNXRUNTIME_ROOT={tmp_path / 'headers'}" in calls(tools)
    with pytest.raises(ConfigError, match=r"--headers .*none is no folder"):
        build(headers=tmp_path / "none")


@pytest.mark.parametrize(
    ("configure", "compile", "words"),
    [
        (
            r"printf 'CMake Error at a:1 (f):\n  nlohmann is missing:\n  install it\n\n\nCall Stack' >&2; exit 1",
            ":",
            r"cannot be built: nlohmann is missing: install it \(--headers",
        ),
        (":", "echo 'a.cc:1:2: error: no such thing'; exit 2", "does not compile: a.cc:1:2: error: no such thing"),
        (":", "exit 0", "left no"),
    ],
)
def test_what_goes_wrong_is_said_in_a_sentence_and_leaves_nothing(
    tools: Path, tmp_path: Path, configure: str, compile: str, words: str
) -> None:
    play(tools, "nothing", configure=configure, compile=compile)
    with pytest.raises(DependencyError, match=words):
        build()
    assert library.find() is None
    assert not [*(tmp_path / "cache" / "native").iterdir()]


def test_what_does_not_load_is_not_published(tools: Path, tmp_path: Path) -> None:
    (tmp_path / "broken").write_bytes(b"no library")
    play(tools, tmp_path / "broken")
    with pytest.raises(DependencyError, match="cannot be loaded"):
        build()
    assert library.find() is None
    assert not [*(tmp_path / "cache" / "native").iterdir()]


def test_missing_tools_are_named(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DependencyError, match=r"^cmake not found; .*apt-get install cmake$"):
        build()
    (tools / "c++").unlink()
    with pytest.raises(DependencyError, match=r"^cmake and g\+\+ not found; .*apt-get install cmake g\+\+$"):
        build()
    monkeypatch.setenv(cache.VARIABLE, cache.OFF)
    with pytest.raises(ConfigError, match="nothing is kept for this machine"):
        build()


def test_the_command_prints_the_path(tools: Path, native_library: Path) -> None:
    play(tools, native_library)
    done = subprocess.run([sys.executable, "-m", "eeinfer", "native", "build"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()) == library.find()
    (tools / "cmake").unlink()
    failed = subprocess.run(
        [sys.executable, "-m", "eeinfer", "native", "build", "--force"], capture_output=True, text=True
    )
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith("error: cmake not found")

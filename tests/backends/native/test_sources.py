"""The name of a library of the present sources: of their contents, noted while the system says the same of them."""

import os
import shutil
import time
from pathlib import Path

import pytest

from eeinfer.backends.native import sources
from eeinfer.machine import cache

LONG_AGO_S = 10.0


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with two sources, and a cache in which something was built."""
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir(mode=0o700)
    (tmp_path / "cache" / "native").mkdir(mode=0o700)
    place = tmp_path / "package"
    for name in ("include/one.h", "csrc/ort/two.cc"):
        (place / name).parent.mkdir(parents=True)
        (place / name).write_text(name)
    monkeypatch.setattr(sources, "PACKAGE", place)
    monkeypatch.setattr(sources, "_TICK_NS", -3_600_000_000_000)  # as if they had lain there for an hour
    return place


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is read of the sources."""
    found: list[str] = []
    read_bytes = Path.read_bytes

    def counted(path: Path) -> bytes:
        found.append(path.name)
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    return found


def key() -> str:
    """As a new process finds it."""
    sources.sources_key.cache_clear()
    return sources.sources_key()


@pytest.fixture(autouse=True, scope="module")
def forgotten() -> object:
    yield None
    sources.sources_key.cache_clear()


def test_all_sources_are_found() -> None:
    assert sorted(path.name for path in sources.sources()) == ["one.h", "two.cc"]


def test_sources_that_are_the_same_are_read_once(read: list[str]) -> None:
    first = key()
    assert sorted(read) == ["one.h", "two.cc"]
    assert key() == first
    assert len(read) == 2


@pytest.mark.parametrize("keep_time", [True, False])
def test_a_source_that_changed_changes_the_key(package: Path, keep_time: bool) -> None:
    """Also one of the same size, with its time of change put back."""
    first, path = key(), package / "csrc" / "ort" / "two.cc"
    before = path.stat()
    time.sleep(0.02)  # the system's times are no finer than a few milliseconds
    path.write_text(path.read_text().upper())
    if keep_time:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert key() != first


def test_sources_that_come_go_and_move_change_the_key(package: Path) -> None:
    found = [key()]
    (package / "csrc" / "three.cc").write_text("three")
    found.append(key())
    (package / "csrc" / "three.cc").rename(package / "csrc" / "four.cc")
    found.append(key())
    (package / "csrc" / "four.cc").unlink()
    assert len(set(found)) == 3
    assert key() == found[0]


def test_what_has_just_been_written_is_read_again(read: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Two changes may have one time."""
    monkeypatch.setattr(sources, "_TICK_NS", int(LONG_AGO_S * 1e9))
    key()
    key()
    assert len(read) == 4


def test_the_same_sources_elsewhere_have_the_same_key(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = key()
    monkeypatch.setattr(sources, "PACKAGE", Path(shutil.copytree(package, tmp_path / "elsewhere")))
    assert key() == first


def test_a_package_without_sources_has_a_key_too(package: Path) -> None:
    """A program that was packed with what it imports alone: loading asks whether a library of its sources was built."""
    whole = key()
    shutil.rmtree(package / "csrc")
    without = key()
    shutil.rmtree(package)
    assert len({whole, without, key()}) == 3


def test_a_damaged_note_is_not_believed(tmp_path: Path) -> None:
    first = key()
    [note] = (tmp_path / "cache" / "sources").iterdir()
    note.write_text("{")
    assert key() == first


def test_where_nothing_was_built_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "cache" / "native").rmdir()
    assert key()
    assert not [*(tmp_path / "cache").iterdir()]


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(sources, "save_record", full)
    assert key() == key()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["native"]

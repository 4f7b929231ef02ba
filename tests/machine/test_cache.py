"""The folder of this machine: where it is, who may write into it, and what is deleted first."""

import logging
import os
import stat
import threading
from pathlib import Path

import pytest

from eeinfer.machine import cache


@pytest.fixture(autouse=True)
def nothing_said_yet() -> None:
    cache._none.cache_clear()


def test_the_variable_names_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    assert cache.cache_folder() == tmp_path
    entry = cache.entry("kind", "fact")
    assert entry is not None
    assert entry.parent == tmp_path / "kind"


def test_off_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, "off")
    assert cache.cache_folder() is None
    assert cache.entry("kind", "fact") is None


def test_without_the_variable_it_is_the_systems_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(cache.VARIABLE)
    folder = cache.cache_folder()
    assert folder is not None
    assert "eeinfer" in folder.parts


def test_an_entry_depends_on_every_fact_and_on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    here = {cache.entry("kind", "a", "b"), cache.entry("kind", "a", "c"), cache.entry("kind", "ab")}
    monkeypatch.setattr(cache, "instruction_sets", lambda: "another")
    assert len({*here, cache.entry("kind", "a", "b")}) == 4


def test_what_was_used_longest_ago_is_deleted_first(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "middle", "old", "own")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(bytes(100))
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    (tmp_path / "note.refused").write_text("a file is not an entry")
    cache.prune(tmp_path / "own", 250)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["middle", "new", "note.refused", "own"]
    cache.touch(tmp_path / "middle")
    cache.prune(tmp_path / "own", 100)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["middle", "note.refused", "own"]
    cache.touch(tmp_path / "gone")  # somebody else was quicker


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has no modes")
@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757, 0o720, 0o1777])
@pytest.mark.parametrize("which", ["", "kind"])
def test_a_folder_that_others_may_write_to_is_not_trusted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, which: str
) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    cache.make_folder(tmp_path / "cache" / "kind")
    assert cache.entry("kind", "fact") is not None
    (tmp_path / "cache" / which).chmod(mode)
    for _ in range(3):
        assert cache.entry("kind", "fact") is None
    assert len(caplog.records) == 1
    assert "chmod go-w" in caplog.text
    if not which:
        assert cache.cache_folder() is None
        assert cache.cache_bytes() == 0
        with pytest.raises(OSError, match="not closed"):
            cache.make_folder(tmp_path / "cache" / "kind")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has no owners")
def test_a_folder_of_somebody_else_is_not_trusted_but_that_of_root_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    assert (cache.entry("kind", "fact") is None) == (owner != 0)
    monkeypatch.setattr(cache, "_ROOT", -1)
    assert cache.entry("kind", "fact") is None
    assert "belongs to another user" in caplog.text


@pytest.mark.parametrize("mask", [0o000, 0o002, 0o022, 0o077])
def test_what_is_made_is_closed_to_others_whatever_the_umask_is(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        cache.make_folder(tmp_path / "above" / "cache" / "kind")
    finally:
        os.umask(before)
    for folder in (tmp_path / "above" / "cache", tmp_path / "above" / "cache" / "kind"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("error", [RuntimeError("no home"), KeyError("uid"), OSError("none")])
@pytest.mark.parametrize("named", [None, "~/cache"])
def test_a_home_is_not_needed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception, named: str | None
) -> None:
    def nowhere(*_: object, **__: object) -> Path:
        raise error

    monkeypatch.delenv(cache.VARIABLE)
    if named:
        monkeypatch.setenv(cache.VARIABLE, named)
    monkeypatch.setattr(cache, "user_cache_path", nowhere)
    monkeypatch.setattr(Path, "expanduser", nowhere)
    assert cache.cache_folder() is None
    assert "home" in caplog.text


def test_a_home_that_is_no_path_is_none(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delenv(cache.VARIABLE)
    monkeypatch.setattr(cache, "user_cache_path", lambda *_, **__: Path("~/.cache/eeinfer"))
    caplog.set_level(logging.WARNING)
    assert cache.cache_folder() is None, "not a folder called ~ in the current one"


def test_work_that_was_left_behind_is_deleted_when_it_is_old(tmp_path: Path) -> None:
    for name, age_s in ((".left", 7200), (".at_work", 10), ("own", 0), ("linked", 0)):
        (tmp_path / name).mkdir()
        past = (tmp_path / name).stat().st_mtime - age_s
        os.utime(tmp_path / name, (past, past))
    cache.prune(tmp_path / "own", 1000)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".at_work", "linked", "own"]


def test_pruning_survives_others_who_prune(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def prune() -> None:
        try:
            cache.prune(tmp_path / "own", 0)
        except BaseException as error:
            failures.append(error)

    for number in range(40):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "file").write_bytes(bytes(10))
    threads = [threading.Thread(target=prune) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert [*tmp_path.iterdir()] == []
    cache.prune(tmp_path / "gone" / "own", 0)


def test_a_folder_that_is_discarded_is_gone_at_once(tmp_path: Path) -> None:
    (tmp_path / "form").mkdir()
    (tmp_path / "form" / "file").write_bytes(b"x")
    cache.discard(tmp_path / "form")
    cache.discard(tmp_path / "form")
    assert [*tmp_path.iterdir()] == []

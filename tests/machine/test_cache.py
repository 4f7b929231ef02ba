import os
from pathlib import Path

import pytest

from eeinfer.machine import cache


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


def test_the_processor_is_described() -> None:
    assert cache.instruction_sets().strip()


def test_without_proc_the_platform_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(cache, "_CPUINFO", tmp_path / "none")
    assert cache.instruction_sets.__wrapped__().strip()


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

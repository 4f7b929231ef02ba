import os
from pathlib import Path

import pytest

from eeinfer import machine


def test_the_variable_names_the_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(machine.VARIABLE, str(tmp_path))
    assert machine.cache_folder() == tmp_path
    entry = machine.entry("kind", "fact")
    assert entry is not None
    assert entry.parent == tmp_path / "kind"


def test_off_keeps_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(machine.VARIABLE, "off")
    assert machine.cache_folder() is None
    assert machine.entry("kind", "fact") is None


def test_without_the_variable_it_is_the_systems_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(machine.VARIABLE)
    folder = machine.cache_folder()
    assert folder is not None
    assert "eeinfer" in folder.parts


def test_an_entry_depends_on_every_fact_and_on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    here = {machine.entry("kind", "a", "b"), machine.entry("kind", "a", "c"), machine.entry("kind", "ab")}
    monkeypatch.setattr(machine, "instruction_sets", lambda: "another")
    assert len({*here, machine.entry("kind", "a", "b")}) == 4


def test_the_processor_is_described() -> None:
    assert machine.instruction_sets().strip()


def test_without_proc_the_platform_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "_CPUINFO", tmp_path / "none")
    assert machine.instruction_sets.__wrapped__().strip()


def test_what_was_used_longest_ago_is_deleted_first(tmp_path: Path) -> None:
    for age, name in enumerate(("new", "middle", "old", "own")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(bytes(100))
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    (tmp_path / "note.refused").write_text("a file is not an entry")
    machine.prune(tmp_path / "own", 250)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["middle", "new", "note.refused", "own"]
    machine.touch(tmp_path / "middle")
    machine.prune(tmp_path / "own", 100)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["middle", "note.refused", "own"]
    machine.touch(tmp_path / "gone")  # somebody else was quicker

"""Whether a result can be written is found out beforehand, and nothing is left of trying."""

from pathlib import Path

import pytest

from eeinfer.errors import InputError
from eeinfer.files import check_folder


def everything_in(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def test_a_folder_that_can_be_made_is_not_there_afterwards(tmp_path: Path) -> None:
    check_folder(tmp_path / "new" / "folder", "the report")
    assert everything_in(tmp_path) == []


def test_a_folder_that_exists_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "file").write_text("kept")
    check_folder(tmp_path / "old", "the report")
    assert everything_in(tmp_path) == [tmp_path / "old", tmp_path / "old" / "file"]


@pytest.mark.parametrize("place", ["file", "file/below", "x" * 300, "new/" + "x" * 300, "nul\0nul"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match=r"the report cannot be written to .*; choose another place with --out"):
        check_folder(tmp_path / place, "the report")
    assert everything_in(tmp_path) == [tmp_path / "file"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a folder where nobody can write, as Linux has it")
def test_a_system_folder_is_refused() -> None:
    with pytest.raises(InputError, match="/proc/report"):
        check_folder("/proc/report", "the report")

"""Files are replaced in one step, and what others put in their place is looked at before it is read.

Whether a result can be written is found out beforehand, and nothing is left of trying.
"""

import os
import stat
from pathlib import Path

import pytest

from eeinfer.errors import InputError
from eeinfer.files import check_folder, read_small, replace_file, write_atomically


def test_a_file_gets_its_new_content_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"old", b"new"):
        replace_file(path, content)
        assert path.read_bytes() == content
    assert [*tmp_path.iterdir()] == [path]


def test_a_writer_that_fails_leaves_the_old_content(tmp_path: Path) -> None:
    replace_file(tmp_path / "file", b"old")

    def fail(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", fail)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no modes")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_a_file_that_is_replaced_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "file"
    replace_file(path, b"old")
    path.chmod(mode)
    replace_file(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_a_new_file_has_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        replace_file(tmp_path / "file", b"new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_what_killed_writers_left_is_deleted_when_it_is_old_and_nothing_else(tmp_path: Path) -> None:
    names = (
        ".state.pt.0123456789ab",
        ".state.pt.ba9876543210",
        ".other.pt.0123456789ab",
        ".state.pt.0123",
        "state.pt.x",
    )
    left, *others = (tmp_path / name for name in names)
    for path in (left, *others):
        path.write_text(path.name)
    (tmp_path / ".state.pt.aaaaaaaaaaaa").mkdir()
    for path in (left, *others[1:], tmp_path / ".state.pt.aaaaaaaaaaaa"):
        os.utime(path, (0, 0))
    replace_file(tmp_path / "state.pt", b"new")
    assert {path.name for path in tmp_path.iterdir()} == {*names[1:], ".state.pt.aaaaaaaaaaaa", "state.pt"}


def test_a_link_that_was_planted_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _: "known")
    (tmp_path / "victim").write_bytes(b"precious")
    (tmp_path / ".file.known").symlink_to(tmp_path / "victim")
    with pytest.raises(FileExistsError):
        replace_file(tmp_path / "file", b"new")
    assert (tmp_path / "victim").read_bytes() == b"precious"


def test_a_small_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert read_small(tmp_path / "file", 5) == b"12345"
    with pytest.raises(OSError, match="more than 4 bytes"):
        read_small(tmp_path / "file", 4)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes in folders")
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, make: object) -> None:
    assert callable(make)
    make(tmp_path / "file")
    with pytest.raises(OSError, match="no file"):
        read_small(tmp_path / "file", 100)


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

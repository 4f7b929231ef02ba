import errno
from pathlib import Path

import pytest

from eeinfer.errors import ExportError
from eeinfer.export.write import new_folder


def write(target: Path, content: str, *, force: bool = False) -> None:
    with new_folder(target, force=force) as folder:
        (folder / "manifest.json").write_text(content)


def test_the_folder_appears_whole(tmp_path: Path) -> None:
    write(tmp_path / "deep" / "m.eeb", "new")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["m.eeb"]
    assert (tmp_path / "deep" / "m.eeb" / "manifest.json").read_text() == "new"


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device"), ValueError()])
def test_nothing_is_left_behind_when_it_goes_wrong(tmp_path: Path, stop: BaseException) -> None:
    def interrupted() -> None:
        with new_folder(tmp_path / "m.eeb", force=False) as folder:
            (folder / "half").write_text("written")
            raise stop

    expected = ExportError if isinstance(stop, OSError) else type(stop)
    with pytest.raises(expected):
        interrupted()
    assert not list(tmp_path.iterdir())


def test_an_old_bundle_survives_a_failed_replacement(tmp_path: Path) -> None:
    write(tmp_path / "m.eeb", "old")

    def replaced() -> None:
        with new_folder(tmp_path / "m.eeb", force=True):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replaced()
    assert (tmp_path / "m.eeb" / "manifest.json").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_an_existing_bundle_is_replaced_only_by_force(tmp_path: Path) -> None:
    write(tmp_path / "m.eeb", "old")
    with pytest.raises(ExportError, match="--force"):
        write(tmp_path / "m.eeb", "new")
    write(tmp_path / "m.eeb", "new", force=True)
    assert (tmp_path / "m.eeb" / "manifest.json").read_text() == "new"
    assert len(list(tmp_path.iterdir())) == 1


def test_force_does_not_replace_what_is_no_bundle(tmp_path: Path) -> None:
    (tmp_path / "m.eeb").mkdir()
    (tmp_path / "m.eeb" / "thesis.tex").write_text("years of work")
    with pytest.raises(ExportError, match="is not a bundle"):
        write(tmp_path / "m.eeb", "new", force=True)
    assert (tmp_path / "m.eeb" / "thesis.tex").exists()


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match=r"cannot write beside .*file"):
        write(tmp_path / "file" / "m.eeb", "new")

import contextlib
import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from eeinfer.errors import ExportError
from eeinfer.export import exchange
from eeinfer.export.write import new_folder
from eeinfer.machine import leftovers
from eeinfer.machine.leftovers import clean_up


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


def test_a_new_folder_is_as_open_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write(tmp_path / "m.eeb", "new")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "m.eeb").stat().st_mode) == 0o750
    assert stat.S_IMODE((tmp_path / "m.eeb" / "manifest.json").stat().st_mode) == 0o640


def test_what_was_closed_to_others_stays_closed(tmp_path: Path) -> None:
    write(tmp_path / "m.eeb", "old")
    (tmp_path / "m.eeb").chmod(0o700)
    (tmp_path / "m.eeb" / "manifest.json").chmod(0o600)
    write(tmp_path / "m.eeb", "new", force=True)
    assert stat.S_IMODE((tmp_path / "m.eeb").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "m.eeb" / "manifest.json").stat().st_mode) == 0o600


@pytest.mark.parametrize("exchanges", [True, False])
def test_there_is_a_bundle_at_every_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exchanges: bool) -> None:
    """Killed while it replaces: where the system exchanges nothing is missing, elsewhere the next command mends it."""
    target = tmp_path / "m.eeb"
    write(target, "old")
    steps = []

    def rename(path: Path, to: Path) -> None:
        steps.append((path, to))
        if len(steps) > 1:
            raise KeyboardInterrupt
        path.replace(to)

    if not exchanges:
        monkeypatch.setattr(exchange, "_exchanged", lambda one, other: False)
    monkeypatch.setattr(Path, "rename", rename)
    with contextlib.suppress(KeyboardInterrupt):
        write(target, "new", force=True)
    monkeypatch.undo()
    if exchanges and sys.platform == "linux":
        assert not steps
        assert (target / "manifest.json").read_text() == "new"
    else:
        assert not target.exists()
        clean_up(target)
        assert (target / "manifest.json").read_text() == "old"


def test_what_a_killed_command_left_is_deleted_by_the_next(tmp_path: Path) -> None:
    target = tmp_path / "m.eeb"
    code = (
        "import os, pathlib, signal, sys; from eeinfer.machine.leftovers import working_folder\n"
        "with working_folder(pathlib.Path(sys.argv[1])) as folder:\n"
        "    (folder / 'half').write_text('written'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(target)], check=False)
    [left] = tmp_path.iterdir()
    with leftovers.working_folder(target) as alive:
        for path in (left, alive):
            os.utime(path, (0, 0))
        foreign = tmp_path / ".m.eeb.notes"
        foreign.mkdir()
        write(target, "new")
        assert sorted(tmp_path.iterdir()) == sorted([alive, foreign, target])


def test_a_link_in_the_place_of_a_hidden_folder_leads_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim, planted = tmp_path / "victim", tmp_path / ".m.eeb.000000000000"
    victim.mkdir()
    planted.symlink_to(victim)
    monkeypatch.setattr(leftovers, "hidden_name", lambda path: planted)
    with pytest.raises(ExportError, match="cannot write beside"):
        write(tmp_path / "m.eeb", "new")
    assert not list(victim.iterdir())

"""Folders in the system's temporary folder: what a killed command leaves there is deleted by the next of its kind."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from eeinfer.machine.leftovers import temporary_folder

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows cannot lock a folder: nothing is deleted there"
)
KILLED = (
    "import os, signal, sys; from eeinfer.machine.leftovers import temporary_folder\n"
    "with temporary_folder(sys.argv[1]) as folder:\n"
    "    (folder / 'half').write_text('written'); os.kill(os.getpid(), signal.SIGKILL)"
)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def killed(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, name], check=False)
    assert done.returncode == -signal.SIGKILL


def aged(folder: Path) -> None:
    for path in folder.iterdir():
        os.utime(path, (0, 0))


def test_a_folder_is_for_this_user_alone_and_gone_at_last(temporary: Path) -> None:
    with temporary_folder("eeinfer-tune") as folder:
        assert folder.parent == temporary
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "file").touch()
    assert not list(temporary.iterdir())


def test_what_a_killed_command_left_is_deleted_by_the_next(temporary: Path) -> None:
    killed("eeinfer-tune")
    killed("eeinfer-peers")
    assert len(list(temporary.iterdir())) == 2
    [peers] = temporary.glob(".eeinfer-peers.*")
    with temporary_folder("eeinfer-tune") as alive:
        aged(temporary)
        with temporary_folder("eeinfer-tune") as second:
            assert sorted(temporary.iterdir()) == sorted([peers, alive, second])


def test_a_folder_that_cannot_be_opened_does_not_keep_the_others(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        killed("eeinfer-tune")
    aged(temporary)
    closed, opened = min(temporary.iterdir()), os.open

    def refusing(path: Any, *arguments: Any, **named: Any) -> int:
        if path == closed:
            raise PermissionError(path)
        return opened(path, *arguments, **named)

    monkeypatch.setattr(os, "open", refusing)
    with temporary_folder("eeinfer-tune") as folder:
        assert sorted(temporary.iterdir()) == sorted([closed, folder])

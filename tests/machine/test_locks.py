"""A lock on a file: one holder, a bounded wait, and nothing left of it."""

import contextlib
import errno
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from eeinfer.machine import locks
from eeinfer.machine.locks import locked


def test_one_holds_it_and_nobody_else(tmp_path: Path) -> None:
    with locked(tmp_path / "lock", wait_s=0) as mine:
        assert mine
        with locked(tmp_path / "lock", wait_s=0.05) as second:
            assert not second
        assert (tmp_path / "lock").exists()
    assert [*tmp_path.iterdir()] == []
    with locked(tmp_path / "lock", wait_s=0) as again:
        assert again


def test_another_process_is_another_holder(tmp_path: Path) -> None:
    code = "import sys; from eeinfer.machine.locks import locked\nfrom pathlib import Path\n"
    code += "with locked(Path(sys.argv[1]), wait_s=0) as mine: print(mine)"
    with locked(tmp_path / "lock", wait_s=0):
        done = subprocess.run(
            [sys.executable, "-c", code, tmp_path / "lock"], capture_output=True, text=True, timeout=60
        )
    assert done.stdout.strip() == "False", done.stderr


def test_who_waits_gets_it_when_it_is_free(tmp_path: Path) -> None:
    entered, leave, got = threading.Event(), threading.Event(), []

    def hold() -> None:
        with locked(tmp_path / "lock", wait_s=0):
            entered.set()
            leave.wait()

    def wait() -> None:
        with locked(tmp_path / "lock", wait_s=60) as mine:
            got.append(mine)

    threads = [threading.Thread(target=hold), threading.Thread(target=wait)]
    threads[0].start()
    entered.wait()
    threads[1].start()
    leave.set()
    for thread in threads:
        thread.join()
    assert got == [True]


def test_it_ends_with_its_holder_however_he_ends(tmp_path: Path) -> None:
    code = "import os, sys; from eeinfer.machine.locks import locked\nfrom pathlib import Path\n"
    code += "with locked(Path(sys.argv[1]), wait_s=0) as mine: os._exit(9)"
    subprocess.run([sys.executable, "-c", code, tmp_path / "lock"], timeout=60, check=False)
    with locked(tmp_path / "lock", wait_s=0) as mine:
        assert mine


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def none(_: int) -> None:
        raise OSError(number, "no locks here")

    monkeypatch.setattr(locks, "_take", none)
    with locked(tmp_path / "lock", wait_s=0) as mine:
        assert mine


@pytest.mark.skipif(sys.platform == "win32", reason="links and pipes are made as POSIX does it")
@pytest.mark.parametrize("kind", ["link to a file", "link to nothing", "folder", "pipe", "socket"])
def test_what_was_put_in_its_place_is_neither_followed_nor_waited_for(tmp_path: Path, kind: str) -> None:
    victim, lock = tmp_path / "victim", tmp_path / "lock"
    if kind == "link to a file":
        victim.write_text("precious")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as held:
        plant = {"folder": lock.mkdir, "pipe": lambda: os.mkfifo(lock), "socket": lambda: held.bind(str(lock))}
        plant.get(kind, lambda: lock.symlink_to(victim))()
        with pytest.raises(OSError, match="is in the way, which is no file of this user's"), locked(lock, wait_s=60):
            pass
    assert victim.exists() is (kind == "link to a file"), "nothing is made behind a link"
    assert os.path.lexists(lock), "it is left to the user to delete"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_no_lock(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    os.chown(tmp_path / "lock", 12345, 12345)
    with pytest.raises(OSError, match="no file of this user's"), locked(tmp_path / "lock", wait_s=60):
        pass
    assert (tmp_path / "lock").exists()

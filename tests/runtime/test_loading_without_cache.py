"""Where nothing can be kept, or a user may not look, an engine comes of it all the same, or a sentence."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from altered_bundles import edit
from kept_here import IMAGES, NO_FORM, is_kept, raising, scores

import eeinfer
from eeinfer.backends.openvino import kept
from eeinfer.errors import BundleError
from eeinfer.machine.cache import VARIABLE


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_cache_that_cannot_be_written_is_done_without(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, loop: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file" / "cache"))
    scores(tiny_bundle, form=False)
    told = 0 if loop == "openvino" else 1  # without a form segments run slower, of OpenVINO's they open slower alone
    assert len(caplog.records) == told


def test_a_full_disk_is_not_remembered(tiny_bundle: Path, cache: Path, backend: str) -> None:
    """Files of a few kilobytes at most: whichever is written first does not fit, ONNX Runtime's own ones included."""
    code = """
import resource, sys, eeinfer
backend = None if sys.argv[2] == "None" else sys.argv[2]
for size in map(int, sys.argv[3:]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    print(eeinfer.load(sys.argv[1], threads=1, backend=backend).optimised)
"""
    sizes = [100, 2000, 10_000, 20_000]
    command = [sys.executable, "-c", code, tiny_bundle, backend, *map(str, sizes)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[:2] == [NO_FORM[backend]] * 2
    assert not [*cache.rglob("*.refused")]
    scores(tiny_bundle, form=True)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has no such users")
def test_neither_a_home_nor_a_name_is_needed(bundle_copy: Path, monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    # Another bundle each time: the compiled library asks the system for the home by itself, and forms may lie there.
    edit(bundle_copy, lambda manifest: manifest.update(name=os.urandom(8).hex()))
    code = """
import os, pwd, sys
def nobody(*_): raise KeyError("uid not found")
pwd.getpwuid = nobody
import eeinfer
backend = None if sys.argv[2] == "None" else sys.argv[2]
print(eeinfer.load(sys.argv[1], threads=1, backend=backend).optimised)
"""
    for name in (VARIABLE, "HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    command = [sys.executable, "-c", code, bundle_copy, backend]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == NO_FORM[backend], done.stderr
    assert done.stderr.count("\n") == 1
    assert "no home folder" in done.stderr


def test_unwritable_does_not_mean_unreadable(tiny_bundle: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scores(tiny_bundle, form=True)
    monkeypatch.setattr(os, "utime", raising(OSError(errno.EROFS, "Read-only file system")))
    monkeypatch.setattr("eeinfer.export.optimise.api.optimise", raising(AssertionError("it is there")))
    monkeypatch.setattr(kept, "keep", raising(AssertionError("it is there")))
    scores(tiny_bundle, form=True)


@pytest.fixture
def nobody() -> Iterator[None]:
    """Look at files as a user without rights; only root can become one."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize("inside", [True, False])
def test_a_home_or_a_cache_that_may_not_be_entered_is_none(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, inside: bool, request: pytest.FixtureRequest
) -> None:
    open_to_all = Path(tempfile.mkdtemp(prefix="eeinfer-"))
    try:
        open_to_all.chmod(0o755)
        bundle = shutil.copytree(tiny_bundle, open_to_all / "tiny.eeb")
        home = open_to_all / "home"
        (home / "cache").mkdir(parents=True)
        home.chmod(0o700)
        monkeypatch.setenv(VARIABLE, str(home / "cache" if inside else home))
        request.getfixturevalue("nobody")
        with eeinfer.load(bundle, threads=1) as engine:
            engine(IMAGES)
            assert not is_kept(engine)
    finally:
        if os.geteuid() != 0:
            os.seteuid(0)
        shutil.rmtree(open_to_all)


def test_a_bundle_where_this_user_may_not_look_is_refused(tiny_bundle: Path, request: pytest.FixtureRequest) -> None:
    closed = Path(tempfile.mkdtemp(prefix="eeinfer-"))
    try:
        bundle = shutil.copytree(tiny_bundle, closed / "tiny.eeb")
        request.getfixturevalue("nobody")
        with pytest.raises(BundleError, match="cannot be read: Permission denied"):
            eeinfer.load(bundle)
    finally:
        if os.geteuid() != 0:
            os.seteuid(0)
        shutil.rmtree(closed)

"""Opening where the system starts no thread any more, as under a limit of processes: slower, and checked as ever."""

import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import eeinfer
from eeinfer import BundleError
from eeinfer.backends.native import library
from eeinfer.bundle.folder import Bundle
from eeinfer.export.optimise.api import optimise
from eeinfer.machine import cache

_ATTRIBUTES = ctypes.c_byte * 256  # more than pthread_attr_t has on any system
_NO_SUCH_STACK = 1 << 50  # bytes: more than there are addresses


@pytest.fixture(autouse=True)
def named(native_library: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(library.VARIABLE, str(native_library))
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))


@pytest.fixture
def form(bundle_copy: Path) -> Path:
    """The optimised form of the bundle, made while there are threads; everything has been loaded once."""
    made = optimise(Bundle.open(bundle_copy))
    assert made is not None
    eeinfer.load(bundle_copy, threads=1, backend="native").close()
    return made


@pytest.fixture
def no_threads(form: Path) -> Iterator[None]:
    system = ctypes.CDLL(None) if sys.platform == "linux" else None
    if system is None or not hasattr(system, "pthread_setattr_default_np"):
        pytest.skip("this system has no default for the stacks of threads")
    before, other = _ATTRIBUTES(), _ATTRIBUTES()
    assert system.pthread_getattr_default_np(before) == 0
    assert system.pthread_getattr_default_np(other) == 0
    assert system.pthread_attr_setstacksize(other, ctypes.c_size_t(_NO_SUCH_STACK)) == 0
    assert system.pthread_setattr_default_np(other) == 0
    yield
    assert system.pthread_setattr_default_np(before) == 0


def one_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.usefixtures("no_threads")
@pytest.mark.parametrize("verify", [True, False])
def test_a_bundle_opens(bundle_copy: Path, verify: bool) -> None:
    with eeinfer.load(bundle_copy, threads=1, backend="native", verify=verify) as engine:
        assert engine.optimised


@pytest.mark.usefixtures("no_threads")
def test_an_altered_bundle_is_refused(bundle_copy: Path) -> None:
    one_bit(bundle_copy / "weights.bin")
    with pytest.raises(BundleError, match=r"weights\.bin was altered"):
        eeinfer.load(bundle_copy, threads=1, backend="native")


@pytest.mark.usefixtures("no_threads")
def test_a_damaged_form_is_not_run(bundle_copy: Path, form: Path) -> None:
    one_bit(form / "model.bin")
    damaged = (form / "model.bin").read_bytes()
    with eeinfer.load(bundle_copy, threads=1, backend="native") as engine:
        assert engine.optimised
    assert (form / "model.bin").read_bytes() != damaged

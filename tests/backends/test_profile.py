"""What tuning found out, read back: used where it fits, left alone where it does not."""

import logging
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from profiles import PROFILE

import eeinfer
from eeinfer.backends.onnx_runtime import library
from eeinfer.backends.ort.backend import OrtBackend
from eeinfer.backends.ort.process import take_process
from eeinfer.backends.profile import find_profile, profile_path, save_profile
from eeinfer.bundle.folder import Bundle
from eeinfer.machine.cache import VARIABLE


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def bundle(tiny_bundle: Path) -> Bundle:
    return Bundle.open(tiny_bundle)


def test_a_profile_comes_back_as_it_was_saved(bundle: Bundle) -> None:
    assert find_profile(bundle, library()) is None
    path = save_profile(bundle, library(), PROFILE)
    assert path is not None
    assert [*path.parent.iterdir()] == [path]
    assert find_profile(bundle, library()) == PROFILE


def test_an_engine_takes_its_threads_and_costs_from_the_profile(tiny_bundle: Path, bundle: Bundle) -> None:
    save_profile(bundle, library(), PROFILE)
    with eeinfer.load(tiny_bundle) as engine:
        assert engine.threads == 2
        assert isinstance(engine._running().backend, OrtBackend)
        assert engine._running().backend.worth_compacting(2, 2, 1)
        assert not engine._running().backend.worth_compacting(1, 2, 1)


def test_threads_that_are_asked_for_stand_above_the_profile(tiny_bundle: Path, bundle: Bundle) -> None:
    save_profile(bundle, library(), PROFILE)
    with eeinfer.load(tiny_bundle, threads=1) as engine:
        assert engine.threads == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 2}, "it is from a newer eeinfer (version 2, this one reads 1)"),
        ({"threads": "wild:2"}, "threads is 'wild:2'"),
        ({"segment_ms": ((1.0, 2.0),)}, "does not fit"),
        ({"sizes": (2, 1)}, "does not fit"),
        ({"sizes": (1,)}, "does not fit"),
        ({"bytes_per_ms": 0.0}, "does not fit"),
    ],
)
def test_a_profile_that_does_not_fit_is_left_alone(
    bundle: Bundle, caplog: pytest.LogCaptureFixture, change: dict[str, object], reason: str
) -> None:
    save_profile(bundle, library(), msgspec.structs.replace(PROFILE, **change))
    with caplog.at_level(logging.WARNING):
        assert find_profile(bundle, library()) is None
    assert reason in caplog.text
    assert "eeinfer tune" in caplog.text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff{",
        b'{"bundle": "\xff"}',
        b'{"version": 1, "surprise": 2}',
        b"[" * 100_000,
        bytes(2 << 20),
    ],
)
def test_a_damaged_profile_is_left_alone(tiny_bundle: Path, bundle: Bundle, content: bytes) -> None:
    path = save_profile(bundle, library(), PROFILE)
    assert path is not None
    path.write_bytes(content)
    assert find_profile(bundle, library()) is None
    with eeinfer.load(tiny_bundle) as engine:
        assert engine.threads == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no pipes in folders")
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_damage_and_nobody_waits_for_it(
    tiny_bundle: Path, bundle: Bundle, make: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    path = save_profile(bundle, library(), PROFILE)
    assert path is not None
    path.unlink()
    make(path)
    with eeinfer.load(tiny_bundle) as engine:
        assert engine.threads == 1
    assert "eeinfer tune" in caplog.text


def test_a_profile_holds_for_one_bundle_and_number_of_cores(
    bundle: Bundle, scripted_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_profile(bundle, library(), PROFILE)
    assert find_profile(Bundle.open(scripted_bundle), library()) is None
    monkeypatch.setattr("eeinfer.backends.profile.physical_cores", lambda: 12)
    assert find_profile(bundle, library()) is None


def test_nothing_is_kept_where_the_cache_is_off(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "off")
    assert profile_path(bundle, library()) is None
    assert save_profile(bundle, library(), PROFILE) is None
    assert find_profile(bundle, library()) is None


def test_a_process_of_the_cascade_takes_the_pool_of_the_profile(
    tiny_bundle: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int | None] = []
    monkeypatch.setattr("eeinfer.backends.ort.process.share_threads", asked.append)
    take_process(tiny_bundle, None)
    save_profile(bundle, library(), PROFILE)
    take_process(tiny_bundle, None)  # pools of its own: nothing to share
    save_profile(bundle, library(), msgspec.structs.replace(PROFILE, process="shared:3"))
    take_process(tiny_bundle, None)
    take_process(tiny_bundle, 5)
    assert asked == [None, 3, 5]

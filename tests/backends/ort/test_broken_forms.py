"""Optimised forms that are damaged, cannot be read or do not run: put aside, made again, and never in the way."""

import importlib
import os
from pathlib import Path
from typing import Any

import form_faults
import numpy as np
import pytest
from kept_forms import kept, nobody_makes, plain_scores, runs_optimised, scores

from eeinfer.bundle.folder import Bundle
from eeinfer.export.optimise.api import optimise
from eeinfer.machine.cache import VARIABLE

FILES = ["segment_01.onnx", "model.bin", "build.json"]


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_form_is_made_again(tiny_bundle: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    runs_optimised(tiny_bundle)
    file = kept(tiny_bundle, name)
    sound = file.read_bytes()
    for damaged in (b"damaged", b"\xff" + sound[1:], bytes([sound[0], sound[1] ^ 1]) + sound[2:]):
        file.write_bytes(damaged)
        assert runs_optimised(tiny_bundle)
        assert file.read_bytes() != damaged
    assert caplog.text.count("it is made again") == 3


@pytest.mark.parametrize("name", FILES)
def test_a_form_that_lost_a_file_is_made_again(tiny_bundle: Path, name: str) -> None:
    runs_optimised(tiny_bundle)
    kept(tiny_bundle, name).unlink()
    assert runs_optimised(tiny_bundle)
    assert kept(tiny_bundle, name).exists()


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_file_is_damage_and_nobody_waits_for_it(tiny_bundle: Path, name: str) -> None:
    for obstacle in (os.mkfifo, os.mkdir):
        runs_optimised(tiny_bundle)
        kept(tiny_bundle, name).unlink()
        obstacle(kept(tiny_bundle, name))
        assert runs_optimised(tiny_bundle)
        assert kept(tiny_bundle, name).is_file()


def test_nothing_is_left_beside_a_form(tiny_bundle: Path) -> None:
    runs_optimised(tiny_bundle)
    kept(tiny_bundle, "model.bin").write_bytes(b"damaged")
    runs_optimised(tiny_bundle)
    assert [*kept(tiny_bundle).parent.iterdir()] == [kept(tiny_bundle)]


def test_a_form_that_cannot_be_read_just_now_is_kept(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def too_many(*_: object) -> bytes:
        raise OSError(24, "Too many open files")

    runs_optimised(tiny_bundle)
    found = kept(tiny_bundle, "build.json").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("eeinfer.bundle.sums._crc32", too_many)
        nobody_makes(patch)
        assert not runs_optimised(tiny_bundle)
    assert "Too many open files" in caplog.text
    assert kept(tiny_bundle, "build.json").read_bytes() == found
    assert runs_optimised(tiny_bundle)


@pytest.mark.parametrize("fault", form_faults.FAULTS)
@pytest.mark.parametrize("into", ["cache", "bundle"])
def test_a_form_that_opens_and_does_not_run_is_not_used_and_one_line_says_so(
    bundle_copy: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    into: str,
    fault: str,
) -> None:
    bundle = Bundle.open(bundle_copy)
    form = optimise(bundle, into)
    assert form is not None
    if into == "bundle":
        monkeypatch.setenv(VARIABLE, "off")
    found = plain_scores(bundle_copy, monkeypatch) if into == "cache" else None
    sound = {path: path.read_bytes() for path in form.iterdir()}
    form_faults.FAULTS[fault](form)
    broken = {path: path.read_bytes() for path in form.iterdir()}
    assert not runs_optimised(bundle_copy)
    [told] = caplog.messages
    assert str(form) in told
    assert "is not used, the segments run as they are" in told
    if found is not None:
        np.testing.assert_array_equal(scores(bundle_copy), found)
    assert {path: path.read_bytes() for path in form.iterdir()} == broken, "its files are as they were written"
    for path, data in sound.items():
        path.write_bytes(data)
    assert runs_optimised(bundle_copy), "no failure is remembered"


def test_a_form_of_the_bundle_that_does_not_run_leaves_the_way_to_the_caches(
    bundle_copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = optimise(Bundle.open(bundle_copy), "bundle")
    assert own is not None
    form_faults.does_not_run(own)
    for _ in range(2):
        assert runs_optimised(bundle_copy)
    assert kept(bundle_copy).is_dir()
    assert len(caplog.messages) == 1


@pytest.mark.parametrize("error", [RuntimeError("odd"), MemoryError(), KeyError("name"), ValueError("shape")])
@pytest.mark.parametrize("step", ["segments.open_session", "segments.check_graph", "optimised.read_form"])
def test_whatever_goes_wrong_with_a_form_the_bundles_own_segments_run(
    tiny_bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    step: str,
) -> None:
    assert runs_optimised(tiny_bundle)
    folder, name = kept(tiny_bundle), f"eeinfer.backends.ort.{step}"
    module, _, function = name.rpartition(".")
    original = getattr(importlib.import_module(module), function)

    def failing(*args: Any, **options: Any) -> Any:
        if any(folder in (place, *place.parents) for place in (*args, *options.values()) if isinstance(place, Path)):
            raise error
        return original(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(name, failing)
        patch.setattr("eeinfer.loading._optimised", lambda _: False)
        assert not runs_optimised(tiny_bundle)
    assert len(caplog.messages) == 1
    assert runs_optimised(tiny_bundle)

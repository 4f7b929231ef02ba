"""The segments as this machine runs them: found where they are sound, put aside where not, and never in the way."""

import importlib
import logging
import os
import shutil
from pathlib import Path
from typing import Any

import form_faults
import numpy as np
import pytest

import eeinfer
from eeinfer import samples
from eeinfer.backends.ort import optimised
from eeinfer.bundle.folder import Bundle
from eeinfer.export.optimise.api import optimise
from eeinfer.machine.cache import VARIABLE

FILES = ["segment_01.onnx", "model.bin", "build.json"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def runs_optimised(path: Path, *, verify: bool = True) -> bool:
    with eeinfer.load(path, threads=1, verify=verify) as engine:
        return bool(engine.optimised)


def scores(path: Path) -> np.ndarray:
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8), np.uint8)
    with eeinfer.load(path, threads=1) as engine:
        return engine.all_exits(images).scores


def plain_scores(path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    with monkeypatch.context() as patch:
        patch.setenv(VARIABLE, "off")
        assert not runs_optimised(path)
        return scores(path)


def nobody_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eeinfer.export.optimise.api._make", None)


def kept(bundle: Path, name: str = "") -> Path:
    path = optimised.place(Bundle.open(bundle))
    assert path is not None
    return path / name


def test_the_first_load_makes_what_the_second_finds(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    before = plain_scores(tiny_bundle, monkeypatch)
    assert not cache.exists()
    assert runs_optimised(tiny_bundle)
    nobody_makes(monkeypatch)
    assert runs_optimised(tiny_bundle)
    np.testing.assert_allclose(scores(tiny_bundle), before, atol=1e-5)


def test_maps_cross_the_cuts_in_blocks_where_the_machine_computes_in_blocks() -> None:
    with eeinfer.load(threads=1):
        pass
    found = next(optimised.find(Bundle.open(samples.bundle_path())), None)
    assert found is not None
    plain = {kind for kind, _ in _nodes(samples.bundle_path())}
    nodes = _nodes(found.path)
    if all(domain != "com.microsoft.nchwc" for _, domain in nodes):
        pytest.skip("this processor computes convolutions in plain order")
    assert "ReorderInput" not in {kind for kind, _ in nodes}
    assert "Relu" in plain
    assert "Relu" not in {kind for kind, _ in nodes}, "fused, also across what was a border"


def _nodes(folder: Path) -> list[tuple[str, str]]:
    import onnx

    graphs = [onnx.load(path, load_external_data=False).graph for path in sorted(folder.glob("segment_*.onnx"))]
    return [(node.op_type, node.domain) for graph in graphs for node in graph.node]


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


def test_a_form_that_another_one_replaces_while_it_is_opened_is_not_used(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs_optimised(tiny_bundle)
    record = kept(tiny_bundle, "build.json")
    found = next(optimised.find(Bundle.open(tiny_bundle)), None)
    assert found is not None
    with pytest.raises(eeinfer.BundleError, match="was replaced"), found.opening(verify=False):
        record.write_bytes(record.read_bytes() + b" ")


def test_a_large_one_is_summed_while_its_sessions_open(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eeinfer.bundle.folder._SMALL_BYTES", 0)
    runs_optimised(tiny_bundle)
    file = kept(tiny_bundle, "model.bin")
    sound = file.read_bytes()
    damaged = bytes([sound[0] ^ 1]) + sound[1:]
    file.write_bytes(damaged)
    assert runs_optimised(tiny_bundle, verify=False)
    assert file.read_bytes() == damaged, "nobody asked for the sums"
    assert runs_optimised(tiny_bundle)
    assert file.read_bytes() != damaged


def test_sessions_of_a_large_one_open_together_and_keep_their_order(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_by_one = scores(tiny_bundle)
    monkeypatch.setattr("eeinfer.bundle.folder._SMALL_BYTES", 0)
    for _ in range(5):
        np.testing.assert_array_equal(scores(tiny_bundle), one_by_one)
    monkeypatch.setenv(VARIABLE, "off")
    np.testing.assert_allclose(scores(tiny_bundle), one_by_one, atol=1e-5)


def test_a_form_holds_for_one_bundle_one_runtime_and_one_processor(
    tiny_bundle: Path, scripted_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = Bundle.open(tiny_bundle)
    places = {optimised.place(bundle), optimised.place(Bundle.open(scripted_bundle))}
    with monkeypatch.context() as patch:
        patch.setattr("onnxruntime.__version__", "1.0")
        places.add(optimised.place(bundle))
    with monkeypatch.context() as patch:
        patch.setattr(optimised, "instruction_sets", lambda: "another")
        places.add(optimised.place(bundle))
    assert len(places) == 4
    assert None not in places


def test_what_was_made_for_something_else_is_not_used(
    tiny_bundle: Path, scripted_bundle: Path, caplog: pytest.LogCaptureFixture
) -> None:
    runs_optimised(scripted_bundle)
    shutil.copytree(kept(scripted_bundle), kept(tiny_bundle))
    bundle = Bundle.open(tiny_bundle)
    assert next(optimised.find(bundle), None) is None
    assert runs_optimised(tiny_bundle)


def test_every_row_count_gives_the_rows_of_the_plain_segments(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    batches = [rng.standard_normal((rows, 1, 8, 8)).astype(np.float32) for rows in (1, 2, 3, 9)]
    with eeinfer.load(tiny_bundle, threads=1) as engine:
        fast = [engine(batch, tau=0.5) for batch in batches]
    monkeypatch.setenv(VARIABLE, "off")
    with eeinfer.load(tiny_bundle, threads=1) as engine:
        for batch, result in zip(batches, fast, strict=True):
            np.testing.assert_allclose(engine(batch, tau=0.5).scores, result.scores, atol=1e-5)


def test_the_cache_may_go_at_any_time(tiny_bundle: Path, cache: Path) -> None:
    with eeinfer.load(tiny_bundle, threads=1) as engine:
        shutil.rmtree(cache)
        assert len(engine(np.zeros((2, 8, 8), np.uint8))) == 2


def test_the_backend_makes_nothing(tiny_bundle: Path, cache: Path) -> None:
    from eeinfer.backends import open_backend

    open_backend("onnxruntime", Bundle.open(tiny_bundle), device="cpu", threads=1)
    assert not cache.exists()


def test_a_cache_of_others_is_neither_read_nor_filled(
    tiny_bundle: Path, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert runs_optimised(tiny_bundle)
    cache.chmod(0o777)
    caplog.set_level(logging.WARNING)
    before = sorted(cache.rglob("*"))
    assert not runs_optimised(tiny_bundle)
    assert sorted(cache.rglob("*")) == before

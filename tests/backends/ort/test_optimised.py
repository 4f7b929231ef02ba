"""The segments as this machine runs them: made once, checked, kept, and never in the way."""

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from altered_bundles import edit, swap

import eeinfer
from eeinfer import samples
from eeinfer.backends.ort import optimised
from eeinfer.backends.ort.backend import OrtBackend
from eeinfer.bundle.folder import Bundle
from eeinfer.machine.cache import VARIABLE, cache_folder


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def opened(path: Path, **options: Any) -> OrtBackend:
    return OrtBackend(Bundle.open(path), **{"device": "cpu", "threads": 1, "verify": True, **options})


def scores(path: Path) -> np.ndarray:
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 8), np.uint8)
    with eeinfer.load(path, threads=1) as engine:
        return engine.all_exits(images).scores


def plain_scores(path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    with monkeypatch.context() as patch:
        patch.setenv(VARIABLE, "off")
        assert not opened(path).optimised
        return scores(path)


def test_the_first_load_makes_what_the_second_finds(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch, cache: Path
) -> None:
    before = plain_scores(tiny_bundle, monkeypatch)
    assert not cache.exists()
    assert opened(tiny_bundle).optimised
    monkeypatch.setattr(optimised, "make", None)  # from now on it must be found
    assert opened(tiny_bundle).optimised
    np.testing.assert_allclose(scores(tiny_bundle), before, atol=1e-5)


def test_maps_cross_the_cuts_in_blocks_where_the_machine_computes_in_blocks(cache: Path) -> None:
    with eeinfer.load(threads=1):
        pass
    found = optimised.find(Bundle.open(samples.bundle_path()))
    assert found is not None
    plain = {node.op_type for node in _nodes(samples.bundle_path())}
    nodes = _nodes(found.path)
    if not any(node.domain == "com.microsoft.nchwc" for node in nodes):
        pytest.skip("this processor computes convolutions in plain order")
    assert "ReorderInput" not in {node.op_type for node in nodes}
    assert "Relu" in plain
    assert "Relu" not in {node.op_type for node in nodes}, "fused, also across what was a border"


def _nodes(folder: Path) -> list[Any]:
    import onnx

    paths = sorted(folder.glob("segment_*.onnx"))
    return [node for path in paths for node in onnx.load(path, load_external_data=False).graph.node]


def kept(bundle: Path, name: str) -> Path:
    path = optimised.place(Bundle.open(bundle))
    assert path is not None
    return path / name


@pytest.mark.parametrize("name", ["segment_01.onnx", "model.bin", "manifest.json", "crc32.json"])
def test_a_damaged_entry_is_made_again(tiny_bundle: Path, name: str) -> None:
    opened(tiny_bundle)
    file = kept(tiny_bundle, name)
    sound = file.read_bytes()
    for damaged in (b"damaged", bytes([sound[0], sound[1] ^ 1]) + sound[2:]):
        file.write_bytes(damaged)
        assert opened(tiny_bundle).optimised
        assert file.read_bytes() != damaged


@pytest.mark.parametrize("name", ["segment_01.onnx", "model.bin", "manifest.json", "crc32.json"])
def test_an_entry_that_lost_a_file_is_made_again(tiny_bundle: Path, name: str) -> None:
    opened(tiny_bundle)
    kept(tiny_bundle, name).unlink()
    assert opened(tiny_bundle).optimised
    assert kept(tiny_bundle, name).exists()


def test_a_large_one_is_summed_while_its_sessions_open(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eeinfer.bundle.folder._SMALL_BYTES", 0)
    opened(tiny_bundle)
    file = kept(tiny_bundle, "model.bin")
    sound = file.read_bytes()
    damaged = bytes([sound[0] ^ 1]) + sound[1:]
    file.write_bytes(damaged)
    assert opened(tiny_bundle, verify=False).optimised
    assert file.read_bytes() == damaged, "nobody asked for the hashes"
    assert opened(tiny_bundle).optimised
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


def test_a_changed_bundle_has_an_entry_of_its_own(tiny_bundle: Path, bundle_copy: Path) -> None:
    edit(bundle_copy, lambda data: data.update(name="other"))
    assert optimised.place(Bundle.open(tiny_bundle)) != optimised.place(Bundle.open(bundle_copy))


def test_another_answer_is_never_used(tiny_bundle: Path, bundle_copy: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A model.onnx that is not the network of the segments: the segments are what the bundle promises."""
    import onnx
    from onnx import numpy_helper

    path = bundle_copy / "model.onnx"
    model = onnx.load(path)
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * 2, tensor.name))
    swap(bundle_copy, path.name, model.SerializeToString())
    for _ in range(2):
        assert not opened(bundle_copy).optimised
    assert caplog.text.count("answer differently") == 1, "not tried twice"
    np.testing.assert_array_equal(scores(bundle_copy), scores(tiny_bundle).astype(np.float32))


def test_without_onnx_the_bundles_own_segments_run(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "eeinfer.export.optimise.segments", None)
    assert not opened(tiny_bundle).optimised


def test_a_cache_that_cannot_be_written_is_done_without(
    tiny_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "file" / "cache"))
    assert not opened(tiny_bundle).optimised


def test_nothing_is_left_half_written(tiny_bundle: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("eeinfer.export.optimise.segments.write_manifest", full)
    assert not opened(tiny_bundle).optimised
    assert [path.suffix for path in (cache / "optimised").iterdir()] == [".refused"]


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


def test_nothing_is_kept_of_files_that_the_manifest_does_not_vouch_for(bundle_copy: Path) -> None:
    sound = scores(bundle_copy)
    weights = bundle_copy / "weights.bin"
    good = weights.read_bytes()
    shutil.rmtree(cache_folder() or bundle_copy)
    weights.write_bytes(np.negative(np.frombuffer(good, np.float32)).tobytes())
    with eeinfer.load(bundle_copy, threads=1, verify=False) as engine:  # as asked: nobody looks
        engine(np.zeros((8, 8), np.uint8))
    weights.write_bytes(good)
    np.testing.assert_allclose(scores(bundle_copy), sound, atol=1e-5)

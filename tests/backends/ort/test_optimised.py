"""The segments as this machine runs them: made once, for one bundle, runtime and processor, and found again."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
from kept_forms import kept, nobody_makes, plain_scores, runs_optimised, scores

import eeinfer
from eeinfer import samples
from eeinfer.backends.ort import optimised
from eeinfer.backends.rows import HostLane
from eeinfer.bundle.folder import Bundle
from eeinfer.machine.cache import VARIABLE


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


def test_every_segment_runs_once_before_the_first_answer(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trying a form is what warms it up, in the buffers that the first call takes."""
    runs_optimised(tiny_bundle)
    ran, run = [], HostLane.run

    def counted(lane: HostLane, segment: int) -> float:
        ran.append((id(lane), segment))
        return run(lane, segment)

    monkeypatch.setattr(HostLane, "run", counted)
    with eeinfer.load(tiny_bundle, backend="onnxruntime", threads=1) as engine:
        segments = range(len(engine.manifest.segments))
        assert engine.optimised
        assert [segment for _, segment in ran] == [*segments]
        engine(np.zeros((1, 1, 8, 8), np.float32), tau=1.0)
    assert len({lane for lane, _ in ran}) == 1
    assert [segment for _, segment in ran] == [*segments, *segments]


def test_the_bundle_s_own_segments_are_warmed_up_too(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "off")
    ran, run = [], HostLane.run

    def counted(lane: HostLane, segment: int) -> float:
        ran.append(segment)
        return run(lane, segment)

    monkeypatch.setattr(HostLane, "run", counted)
    with eeinfer.load(tiny_bundle, backend="onnxruntime", threads=1) as engine:
        assert ran == [*range(len(engine.manifest.segments))]

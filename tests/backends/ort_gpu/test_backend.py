"""The cascade as it runs on a GPU, on the CPU: the same answers as the engine that everybody uses."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cpu_provider
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import eeinfer
from eeinfer.backends.levels import Level
from eeinfer.backends.ort_gpu.lane import GpuLane
from eeinfer.backends.ort_gpu.providers import BUCKETS
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import BundleError, ConfigError, NonFiniteWarning

LARGEST = BUCKETS.largest


@pytest.fixture(scope="module", params=[Level.PLAIN, Level.GRAPHS], ids=["kernels", "graphs"])
def gpu_engine(request: pytest.FixtureRequest, tiny_bundle: Path) -> Iterator[eeinfer.Engine]:
    with cpu_provider.engine(tiny_bundle, level=request.param) as engine:
        yield engine


@pytest.fixture(scope="module")
def scripted(scripted_bundle: Path) -> Iterator[eeinfer.Engine]:
    with cpu_provider.engine(scripted_bundle) as engine:
        yield engine


def images(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, 8, 8), np.uint8)


def assert_same(answer: eeinfer.Result, expected: eeinfer.Result) -> None:
    np.testing.assert_array_equal(answer.exits, expected.exits)
    np.testing.assert_array_equal(answer.predictions, expected.predictions)
    np.testing.assert_allclose(answer.scores, expected.scores, atol=1e-5)
    np.testing.assert_allclose(answer.logits, expected.logits, atol=1e-4)


def test_eight_bit_floats_are_refused_for_plans(tiny_bundle: Path) -> None:
    opened = Bundle.open(tiny_bundle)
    fp8 = replace(opened, manifest=msgspec.structs.replace(opened.manifest, precision="fp8"))
    with pytest.raises(BundleError, match=r"in fp8, which ONNX Runtime computes wrongly.*eeinfer export .* --trt"):
        cpu_provider.backend(fp8)


@pytest.mark.parametrize("tau", [0, 0.6, [1, 0.7, 0], 1])
def test_single_images_are_answered_alike(
    gpu_engine: eeinfer.Engine, tiny_engine: eeinfer.Engine, tau: float | list[float]
) -> None:
    for image in images(12):
        assert_same(gpu_engine(image, tau=tau), tiny_engine(image, tau=tau))


@pytest.mark.parametrize("count", [2, 3, 8, 11, LARGEST, LARGEST + 1, 2 * LARGEST + 5])
@pytest.mark.parametrize("tau", [0, 0.6, 1])
def test_batches_are_answered_alike(
    gpu_engine: eeinfer.Engine, tiny_engine: eeinfer.Engine, count: int, tau: float
) -> None:
    assert_same(gpu_engine(images(count), tau=tau), tiny_engine(images(count), tau=tau))


def test_anytime_reads_every_exit_after_it_was_computed(
    gpu_engine: eeinfer.Engine, tiny_engine: eeinfer.Engine
) -> None:
    for answer, expected in zip(gpu_engine.anytime(images(1)), tiny_engine.anytime(images(1)), strict=True):
        assert (answer.exit, answer.prediction) == (expected.exit, expected.prediction)
        np.testing.assert_allclose(answer.logits, expected.logits, atol=1e-4)


def test_all_exits_are_answered_alike(gpu_engine: eeinfer.Engine, tiny_engine: eeinfer.Engine) -> None:
    answer, expected = gpu_engine.all_exits(images(70)), tiny_engine.all_exits(images(70))
    np.testing.assert_allclose(answer.logits, expected.logits, atol=1e-4)
    np.testing.assert_array_equal(answer.predictions, expected.predictions)


@given(
    st.lists(st.lists(st.sampled_from([0.1, 0.4, 0.6, 0.9]), min_size=3, max_size=3), min_size=1, max_size=LARGEST + 9)
)
@settings(max_examples=40, deadline=None)
def test_every_row_leaves_where_its_scores_say(scripted: eeinfer.Engine, scores: list[list[float]]) -> None:
    rows = np.array([[*row, name] for name, row in enumerate(scores)], np.float32)
    result = scripted(rows, tau=0.5)
    early = rows[:, :2] > 0.5
    assert result.exits.tolist() == np.where(early.any(axis=1), early.argmax(axis=1), 2).tolist()
    assert result.predictions.tolist() == list(range(len(rows)))


def test_a_row_without_a_score_does_not_touch_its_neighbours(scripted: eeinfer.Engine) -> None:
    rows = np.array([[0.1, 0.1, 0.9, 0], [-1, -1, -1, 1], [0.1, 0.9, 0.1, 2]], np.float32)
    with pytest.warns(NonFiniteWarning):
        result = scripted(rows, tau=0.5)
    assert result.predictions.tolist() == [0, -1, 2]
    assert result.exits.tolist() == [2, 2, 1]


def test_rows_may_be_kept_in_any_order_across_chunks(scripted_bundle: Path) -> None:
    count = 2 * LARGEST + 7
    backend = cpu_provider.backend(scripted_bundle)
    rows = np.array([[0.1, 0.1, 0.1, name] for name in range(count)], np.float32)
    live = backend.start({"input": rows})
    backend.run(0, live)
    order = np.random.default_rng(0).permutation(count)[: LARGEST + 3]
    kept = backend.compact(live, order)
    assert backend.run(1, kept).prediction.tolist() == order.tolist()
    assert backend.run(2, kept).prediction.tolist() == order.tolist()
    backend.release(kept)


def test_leaving_rows_are_taken_out_where_a_smaller_batch_remains(scripted_bundle: Path) -> None:
    backend = cpu_provider.backend(scripted_bundle)
    assert backend.worth_compacting(1, 8, 4)
    assert not backend.worth_compacting(1, 8, 5)
    assert backend.worth_compacting(1, LARGEST + 1, LARGEST)
    assert not backend.worth_compacting(1, LARGEST + 8, LARGEST + 5)


def test_threads_do_not_disturb_each_other(gpu_engine: eeinfer.Engine, tiny_engine: eeinfer.Engine) -> None:
    batch = images(20)
    expected = tiny_engine(batch, tau=0.6)
    wrong: list[Exception] = []

    def work(rows: list[int]) -> None:
        try:
            for row in rows * 5:
                result = gpu_engine(batch[row], tau=0.6)
                assert (result.exits[0], result.predictions[0]) == (expected.exits[row], expected.predictions[row])
                assert_same(gpu_engine(batch, tau=0.6), expected)
        except AssertionError as error:
            wrong.append(error)

    workers = [threading.Thread(target=work, args=([start, start + 7],)) for start in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_what_a_provider_leaves_to_another_one_is_an_error(tiny_bundle: Path) -> None:
    with pytest.raises(ConfigError, match=r"left WantedProvider out when it opened segment_00\.onnx"):
        cpu_provider.backend(tiny_bundle, "WantedProvider")


def test_a_graph_that_does_not_open_is_named(bundle_copy: Path) -> None:
    bundle = Bundle.open(bundle_copy)
    (bundle_copy / "segment_01.onnx").write_bytes(b"no graph")
    with pytest.raises(ConfigError, match=r"CPUExecutionProvider does not open segment_01\.onnx: "):
        cpu_provider.backend(bundle)


def test_the_time_of_a_way_is_that_of_its_segments(tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    enqueued: list[int] = []
    monkeypatch.setattr(GpuLane, "enqueue", lambda _, segment: enqueued.append(segment))
    monkeypatch.setattr(cpu_provider.Clock, "mark", lambda _: len(enqueued))  # a clock that counts segments
    backend = cpu_provider.backend(tiny_bundle)
    image = {"input": np.zeros((1, 1, 8, 8), np.float32)}
    assert [backend.device_ms(image, exit) for exit in range(3)] == [1e3, 2e3, 3e3]
    assert enqueued == [0, 0, 1, 0, 1, 2]


def test_a_further_graph_is_timed_by_the_stream_of_the_segments(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = iter([1.0, 3.5])
    monkeypatch.setattr(cpu_provider.Clock, "mark", lambda _: next(marks))
    bundle, batch = Bundle.open(tiny_bundle), {"input": np.zeros((3, 1, 8, 8), np.float32)}
    graph = cpu_provider.backend(bundle).open_graph(bundle.file("segment_00.onnx"), batch, ["score"])
    graph.run(batch)
    assert graph.device_ms(batch) == 2500

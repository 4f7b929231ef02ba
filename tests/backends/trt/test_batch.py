"""Batches through TensorRT plans: buckets, padding, chunks, and rows moved up on the device."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_cuda import FakeCuda
from hypothesis import given, settings
from hypothesis import strategies as st
from native_engines import native, with_plans

from eeinfer import Engine, NonFiniteWarning
from eeinfer.backends.row_costs import compacted

NAN = -1.0
BATCHES = (1, 4, 8)


@pytest.fixture(scope="module")
def scripted(scripted_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_plans(scripted_bundle, tmp_path_factory.mktemp("plans"), batches=BATCHES)


@pytest.fixture(scope="module", params=["0", "3"])
def engine(scripted: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    with native(scripted, FakeCuda(), level=request.param) as engine:
        yield engine


def played(scores: list[list[float]]) -> np.ndarray:
    return np.array([[*row, 500 + i] for i, row in enumerate(scores)], np.float32)


scores = st.sampled_from([0.1, 0.5, 0.9])
scripts = st.lists(st.lists(scores, min_size=3, max_size=3), min_size=2, max_size=19)


@settings(deadline=None)  # the machine may be busy
@given(scores=scripts, tau=st.lists(st.sampled_from([0.0, 0.5, 0.7, 1.0]), min_size=3, max_size=3))
def test_random_exits_answer_as_on_the_cpu_in_the_order_of_the_call(
    engine: Engine, scripted_engine: Engine, scores: list[list[float]], tau: list[float]
) -> None:
    x = played(scores)
    answer, expected = engine(x, tau=tau), scripted_engine(x, tau=tau)
    for field in ("exits", "predictions", "scores", "logits", "flops", "valid"):
        np.testing.assert_array_equal(getattr(answer, field), getattr(expected, field))


@settings(deadline=None)  # the machine may be busy
@given(scores=scripts)
def test_every_exit_of_every_row(engine: Engine, scripted_engine: Engine, scores: list[list[float]]) -> None:
    answer, expected = engine.all_exits(played(scores)), scripted_engine.all_exits(played(scores))
    for field in ("predictions", "scores", "logits"):
        np.testing.assert_array_equal(getattr(answer, field), getattr(expected, field))


@settings(deadline=None)  # the machine may be busy
@given(data=st.data(), count=st.integers(1, 19))
def test_rows_are_moved_on_the_device_whenever_asked(engine: Engine, data: st.DataObject, count: int) -> None:
    backend, names = engine._running().backend, np.arange(500, 500 + count)
    live = backend.start({"input": played([[0.1, 0.2, 0.3]] * count)})
    try:
        for segment in range(3):
            exit = backend.run(segment, live)
            np.testing.assert_array_equal(exit.prediction, names)
            assert exit.logits.shape == (count, 1000)
            for _ in range(data.draw(st.integers(0, 2))):  # also twice, and before the next segment reads anything
                stays = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
                if any(stays):
                    order = np.array(compacted([0 if stay else -1 for stay in stays], sum(stays)))
                    live, names, count = backend.compact(live, order), names[order], len(order)
    finally:
        backend.release(live)


def test_rows_can_be_moved_before_the_first_segment(engine: Engine) -> None:
    backend = engine._running().backend
    live = backend.compact(backend.start({"input": played([[0.1, 0.2, 0.3]] * 6)}), np.array([5, 1]))
    assert backend.run(0, live).prediction.tolist() == [505, 501]
    backend.release(live)


def test_rows_can_be_moved_twice_before_the_device_has_begun(scripted: Path) -> None:
    def names(backend: Any) -> list[int]:
        live = backend.start({"input": played([[0.1, 0.2, 0.3]] * 8)})
        backend.run(0, live)
        live = backend.compact(live, np.array([7, 1, 2, 3, 4, 5, 6]))
        live = backend.compact(live, np.array([0, 6, 2, 3, 4, 5]))
        return backend.run(1, live).prediction.tolist()

    with native(scripted, FakeCuda(schedule="lazy")) as engine:
        assert names(engine._running().backend) == [507, 506, 502, 503, 504, 505]


def test_taking_out_rows_pays_when_fewer_are_computed(engine: Engine) -> None:
    backend = engine._running().backend
    assert [stays for stays in range(1, 8) if backend.worth_compacting(1, 8, stays)] == [1, 2, 3, 4]
    assert [stays for stays in range(1, 16) if backend.worth_compacting(1, 16, stays)] == list(
        range(1, 13)
    )  # 13 fill 8 + 8
    assert [stays for stays in range(1, 4) if backend.worth_compacting(1, 4, stays)] == [1]


@pytest.mark.parametrize("schedule", ["lazy", "eager", "random"])
def test_a_network_answers_as_on_the_cpu_however_far_the_device_has_got(
    tiny_bundle: Path, tiny_engine: Engine, tmp_path: Path, schedule: str
) -> None:
    rng = np.random.default_rng(0)
    images = (rng.normal(0, 1, (23, 1, 8, 8)) * rng.uniform(0, 0.4, (23, 1, 1, 1))).astype(np.float32)
    with native(with_plans(tiny_bundle, tmp_path, batches=(1, 8)), FakeCuda(schedule=schedule)) as engine:
        for tau in ([0.5, 0.95, 1.0], [0.7, 0.9, 1.0], [0.4, 0.99, 1.0]):
            answer, expected = engine(images, tau=tau), tiny_engine(images, tau=tau)
            np.testing.assert_array_equal(answer.exits, expected.exits)
            np.testing.assert_allclose(answer.scores, expected.scores, atol=1e-5)
            np.testing.assert_allclose(answer.logits, expected.logits, atol=1e-4)


def test_rows_without_an_answer_leave_their_neighbours_alone(engine: Engine) -> None:
    x = played([[NAN, 0.9, 0.1], [NAN, NAN, NAN], [0.9, 0.1, 0.1], [0.2, 0.3, 0.4], [0.1, 0.1, 0.1]])
    x[4, 0] = np.inf
    with pytest.warns(NonFiniteWarning, match="2 of 5 rows"):
        result = engine(x, tau=0.5)
    assert result.exits.tolist() == [1, 2, 0, 2, -1]
    assert result.predictions.tolist() == [500, -1, 502, 503, -1]
    x[:, 0] = np.nan
    with pytest.warns(NonFiniteWarning, match="5 of 5 rows"):
        assert engine(x).predictions.tolist() == [-1] * 5


def test_a_deadline_ends_a_batch(engine: Engine) -> None:
    assert engine(played([[0.1, 0.2, 0.3]] * 5), tau=0.5, deadline_ms=0).exits.tolist() == [0] * 5


def test_rows_come_as_they_leave(engine: Engine) -> None:
    parts = list(engine.stream(played([[0.1, 0.9, 0.3], [0.9, 0.1, 0.1], [0.1, 0.2, 0.3]]), tau=0.5))
    assert [(part.exit, part.predictions.tolist()) for part in parts] == [(0, [501]), (1, [500]), (2, [502])]


def test_a_graph_is_replayed_per_segment_and_bucket(scripted: Path) -> None:
    cuda = FakeCuda()
    with native(scripted, cuda) as engine:
        engine(played([[0.1, 0.2, 0.3]] * 3), tau=1)
        engine(played([[0.1, 0.2, 0.3]] * 19), tau=1)  # whose second and third chunk run without
        launches = cuda.launches
        engine(played([[0.1, 0.2, 0.3]] * 3), tau=1)
        engine(played([[0.1, 0.2, 0.3]] * 8), tau=1)
        assert cuda.launches - launches == 6


def test_memory_does_not_grow_from_call_to_call(scripted: Path) -> None:
    cuda, x = FakeCuda(), played([[0.9, 0.2, 0.3], [0.1, 0.9, 0.3], [0.1, 0.2, 0.3]] * 7)
    with native(scripted, cuda) as engine:
        for _ in range(3):
            engine(x, tau=0.5)
        alive = cuda.alive()
        for _ in range(5):
            engine(x, tau=0.5)
        assert cuda.alive() == alive
        engine(np.concatenate([x] * 9), tau=0.5)  # more chunks than are kept
        many = cuda.alive()
        engine(np.concatenate([x] * 9), tau=0.5)
        assert cuda.alive() == many


def test_a_batch_that_is_not_finished_gives_everything_back(scripted: Path) -> None:
    with native(scripted, FakeCuda()) as engine:
        engine._running().backend.start({"input": played([[0.1, 0.2, 0.3]] * 7)})


def test_threads_share_nothing_but_the_plans(scripted: Path) -> None:
    def work(engine: Engine, seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(15):
            x = rng.choice(np.float32([0.1, 0.5, 0.9]), (int(rng.integers(1, 9)), 4))
            x[:, 3] = rng.integers(0, 1000, len(x))
            result = engine(x, tau=0.5)
            np.testing.assert_array_equal(result.predictions, x[:, 3])

    with native(scripted, FakeCuda()) as engine, ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(work, engine, seed) for seed in range(3)]:
            future.result()


@settings(deadline=None)  # the machine may be busy
@given(data=st.data(), counts=st.tuples(st.integers(1, 11), st.integers(1, 11)), segments=st.integers(0, 2))
def test_batches_are_joined_on_the_device(
    engine: Engine, data: st.DataObject, counts: tuple[int, int], segments: int
) -> None:
    backend, total = engine._running().backend, sum(counts)
    names = np.arange(500, 500 + total)
    x = played([[0.1, 0.2, 0.3]] * total)
    one, other = backend.start({"input": x[: counts[0]]}), backend.start({"input": x[counts[0] :]})
    for segment in range(segments):
        backend.run(segment, one)
        backend.run(segment, other)
    if segments and data.draw(st.booleans()):  # what was moved a moment ago may still be under way
        one = backend.compact(one, np.arange(counts[0]))
        other = backend.compact(other, np.arange(counts[1]))
    stays = data.draw(st.lists(st.booleans(), min_size=total, max_size=total).filter(any))
    order = np.array(compacted([0 if stay else -1 for stay in stays], sum(stays)))
    both = backend.join(one, other, order)
    for segment in range(segments, 3):
        assert backend.run(segment, both).prediction.tolist() == names[order].tolist()
    backend.release(both)

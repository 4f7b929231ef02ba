"""The native backend on a real NVIDIA GPU, with plans built here for it: the same questions as to the fakes."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from native_engines import LEVELS, gpu_missing

import eeinfer
from eeinfer import Engine
from eeinfer.backends.cuda import open_cuda
from eeinfer.backends.cuda.api import Cuda
from eeinfer.backends.cuda.holdings import Holdings, captured
from eeinfer.backends.cuda.kernels import decide, move_rows

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(gpu_missing() is not None, reason=str(gpu_missing()))]

EXACT = 5e-3  # kernels add in another order
TAUS = [0.5, 0.95, 1.0]


@pytest.fixture(scope="module")
def cuda() -> Cuda:
    return open_cuda("cuda")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory, tiny_bundle: Path) -> Path:
    from eeinfer.export.trt.api import build_plans
    from eeinfer.export.trt.config import TrtConfig

    copy = shutil.copytree(tiny_bundle, tmp_path_factory.mktemp("gpu") / "tiny.eeb")
    build_plans(copy, TrtConfig(batches=(1, 4, 8), tf32=False))
    return copy


@pytest.fixture(scope="module", params=LEVELS)
def engine(bundle: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    with eeinfer.load(bundle, backend="tensorrt", device="cuda", options={"level": request.param}) as engine:
        assert engine._running().backend.level == int(request.param)  # nothing was refused
        yield engine


def images(count: int, seed: int = 0) -> np.ndarray:
    """Of all contrasts, so that they leave everywhere."""
    rng = np.random.default_rng(seed)
    return (rng.normal(0, 1, (count, 1, 8, 8)) * rng.uniform(0, 0.4, (count, 1, 1, 1))).astype(np.float32)


def clear(batch: np.ndarray, engine: Engine) -> np.ndarray:
    """Those whose decisions do not hang on a rounding."""
    return batch[(np.abs(engine.all_exits(batch).scores[:, :2] - TAUS[:2]) > EXACT).all(axis=1)]


def same(answer: eeinfer.Result, expected: eeinfer.Result) -> None:
    np.testing.assert_array_equal(answer.exits, expected.exits)
    np.testing.assert_allclose(answer.scores, expected.scores, atol=EXACT)
    np.testing.assert_allclose(answer.logits, expected.logits, atol=EXACT, rtol=EXACT)


def test_one_image_answers_as_on_the_cpu(engine: Engine, tiny_engine: Engine) -> None:
    batch = clear(images(60), tiny_engine)
    assert set(tiny_engine(batch, tau=TAUS).exits) == {0, 1, 2}
    for image in batch:
        same(engine(image, tau=TAUS), tiny_engine(image, tau=TAUS))


def test_each_exit_can_be_forced(engine: Engine) -> None:
    for k in range(3):
        taus = [1.0] * k + [0.0] * (3 - k)
        assert engine(images(1), tau=taus).exits.tolist() == [k]
        assert engine(images(5), tau=taus).exits.tolist() == [k] * 5


@pytest.mark.parametrize("count", [2, 8, 21])
def test_batches_answer_as_on_the_cpu(engine: Engine, tiny_engine: Engine, count: int) -> None:
    batch = clear(images(60, seed=count), tiny_engine)[:count]
    same(engine(batch, tau=TAUS), tiny_engine(batch, tau=TAUS))


def test_the_device_times_the_way_to_any_exit(engine: Engine) -> None:
    for exit in range(3):
        assert 0 < engine._running().backend.device_ms({"input": images(1)}, exit) < 100


def test_threads_have_lanes_of_their_own(engine: Engine) -> None:
    batch = images(30)
    alone = [engine(image, tau=1).logits for image in batch]

    def work(_: int) -> None:
        for image, expected in zip(batch, alone, strict=True):
            np.testing.assert_allclose(engine(image, tau=1).logits, expected, atol=1e-4)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3)))


@pytest.mark.parametrize(("score", "exit"), [(0.6, 0), (0.5, 1), (np.nan, 1), (0.4, 1)])
def test_the_device_decides_and_a_branch_obeys(cuda: Cuda, score: float, exit: int) -> None:
    cuda.enter()
    own, branches = Holdings(cuda), list[object]()
    stream, block, host, back = own.stream(), own.malloc(2048), own.pinned(2048), own.pinned(2048)
    host.view(np.float32)[0], host.view(np.float32)[64] = score, 0.5
    moves = own.malloc(8)
    zeros = own.pinned(8)
    host[1280:1284] = 9

    def root() -> None:
        cuda.to_device(block, host, stream)
        cuda.to_device(moves, zeros, stream)
        goes_on = cuda.condition(stream)
        places = {"score": block, "taus": block + 256, "exit": block + 512, "scores": block + 768}
        decide(cuda, stream, k=0, goes_on=goes_on, **places)
        branches.append(cuda.branch(stream, goes_on))
        cuda.to_host(back, block, stream)

    def body() -> None:
        move_rows(cuda, stream, target=block + 1024, source=block + 1280, moves=moves, count=1, row_bytes=4)

    graph = captured(cuda, stream, root)
    captured(cuda, stream, body, branch=branches[0])
    cuda.launch(own.executable(graph), stream)
    cuda.synchronize(stream)
    assert back.view(np.int32)[128] == exit
    np.testing.assert_array_equal(back.view(np.float32)[192], np.float32(score))
    assert back[1024] == (9 if exit else 0)
    own.close()


@pytest.mark.parametrize("row_bytes", [1, 3, 4, 16, 4096, 100_000])
def test_rows_are_moved_on_the_device(cuda: Cuda, row_bytes: int) -> None:
    cuda.enter()
    own, size = Holdings(cuda), 9 * row_bytes
    stream, here, back, moves = own.stream(), own.pinned(size), own.pinned(size), own.pinned(3 * 8)
    source, target, pairs = own.malloc(size), own.malloc(size), own.malloc(3 * 8)
    here[:] = np.random.default_rng(0).integers(0, 256, size)
    moves.view(np.int32)[:] = [0, 8, 3, 3, 8, 1]
    for place, memory in ((source, here), (target, back), (pairs, moves)):
        cuda.to_device(place, memory, stream)
    move_rows(cuda, stream, target=target, source=source, moves=pairs, count=3, row_bytes=row_bytes)
    cuda.to_host(back, target, stream)
    cuda.synchronize(stream)
    expected = np.zeros((9, row_bytes), np.uint8)
    expected[[0, 3, 8]] = here.reshape(9, row_bytes)[[8, 3, 1]]
    np.testing.assert_array_equal(back.reshape(9, row_bytes), expected)
    own.close()


def test_events_measure_time_on_the_device(cuda: Cuda) -> None:
    cuda.enter()
    own = Holdings(cuda)
    stream, memory, there = own.stream(), own.pinned(1 << 24), own.malloc(1 << 24)
    start, end = cuda.event(timed=True), cuda.event(timed=True)
    cuda.record(start, stream)
    cuda.to_device(there, memory, stream)
    cuda.record(end, stream)
    cuda.wait(end)
    assert 0 < cuda.elapsed_ms(start, end) < 1000
    cuda.destroy_event(start)
    cuda.destroy_event(end)
    own.close()

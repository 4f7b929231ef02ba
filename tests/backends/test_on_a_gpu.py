"""ONNX Runtime's providers on a real GPU, against the same bundle on the CPU. TF32 may move scores a little."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import eeinfer
from eeinfer.backends import open_backend
from eeinfer.bench import BenchConfig, measure
from eeinfer.bundle.folder import Bundle
from eeinfer.machine.installed import collect
from eeinfer.machine.requirements import CUDA_PROVIDER, RTX_PLUGIN, TENSORRT_PROVIDER, obstacle

pytestmark = pytest.mark.gpu
CLOSE = 0.02


@pytest.fixture(scope="module", params=[CUDA_PROVIDER, TENSORRT_PROVIDER, RTX_PLUGIN])
def backend(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if reason := obstacle(name, collect()):
        pytest.skip(reason)
    return name


@pytest.fixture(scope="module")
def gpu_engine(backend: str, tiny_bundle: Path) -> Iterator[eeinfer.Engine]:
    with eeinfer.load(tiny_bundle, device="cuda", backend=backend) as engine:
        yield engine


def images(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, 8, 8), np.uint8)


def assert_close(answer: eeinfer.Result, expected: eeinfer.Result, sure: np.ndarray) -> None:
    np.testing.assert_array_equal(answer.exits[sure], expected.exits[sure])
    np.testing.assert_allclose(answer.scores[sure], expected.scores[sure], atol=CLOSE)


def far_from(tau: float, engine: eeinfer.Engine, batch: np.ndarray) -> np.ndarray:
    """The rows whose decisions no rounding can change."""
    return np.asarray((np.abs(engine.all_exits(batch).scores - tau) > CLOSE).all(axis=1))


@pytest.mark.parametrize("tau", [0, 0.6, 1])
@pytest.mark.parametrize("count", [1, 7, 64, 100])
def test_answers_are_the_cpus(gpu_engine: eeinfer.Engine, tiny_engine: eeinfer.Engine, count: int, tau: float) -> None:
    batch = images(count)
    sure = far_from(tau, tiny_engine, batch)
    assert sure.any() or count == 1
    assert_close(gpu_engine(batch, tau=tau), tiny_engine(batch, tau=tau), sure)
    for row in np.flatnonzero(sure)[:10]:
        assert_close(gpu_engine(batch[row], tau=tau), tiny_engine(batch[row], tau=tau), np.array([True]))


@pytest.mark.parametrize("provider", [CUDA_PROVIDER, TENSORRT_PROVIDER])
def test_replayed_graphs_answer_as_launched_kernels_do(tiny_bundle: Path, provider: str) -> None:
    if reason := obstacle(provider, collect()):
        pytest.skip(reason)
    batch = images(30)
    with eeinfer.load(tiny_bundle, device="cuda", backend=provider) as plain:
        expected = [plain(image, tau=0.6) for image in batch]
    with eeinfer.load(tiny_bundle, device="cuda", backend=provider, options={"level": "1"}) as graphs:
        for image, answer in zip(batch, expected, strict=True):
            assert_close(graphs(image, tau=0.6), answer, np.abs(answer.scores - 0.6) > CLOSE)


def test_the_gpu_measures_its_own_time(backend: str, tiny_bundle: Path) -> None:
    opened = open_backend(backend, Bundle.open(tiny_bundle), device="cuda")
    image = {"input": np.zeros((1, 1, 8, 8), np.float32)}
    assert opened.device_ms is not None
    times = [opened.device_ms(image, 2) for _ in range(20)]
    assert 0 < min(times) < 100


def test_bench_reports_the_gpu(backend: str, tiny_bundle: Path) -> None:
    quick = BenchConfig(
        device="cuda", backend=backend, thresholds=3, latency_samples=12, rounds=2, min_seconds=0, energy_seconds=1
    )
    report = measure(tiny_bundle, images(40), np.random.default_rng(0).integers(0, 5, 40), quick)
    assert report.environment.gpu is not None
    assert report.environment.gpu.networks == backend
    assert all(row.cascade_device_ms for row in report.overheads)

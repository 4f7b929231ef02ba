"""Several inputs, whole numbers among them, on the GPU backends; what those cannot run is refused in one sentence."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import cpu_provider
import msgspec
import numpy as np
import pytest
from fake_cuda import FakeCuda
from native_engines import native, with_plans

import eeinfer
from eeinfer import Engine
from eeinfer.backends.base import Backend
from eeinfer.backends.levels import Level
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import Input, TensorSpec
from eeinfer.bundle.manifest_file import write_manifest
from eeinfer.errors import BundleError

LENGTH = 5


@pytest.fixture(scope="module", params=["provider", "provider, graphs", "plans", "plans, on the device"])
def gpu_engine(
    request: pytest.FixtureRequest, five_words_bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    level = Level.PLAIN if request.param in ("provider", "plans") else Level.GRAPHS
    opened: AbstractContextManager[Engine]
    if request.param.startswith("provider"):
        opened = cpu_provider.engine(five_words_bundle, level=level)
    else:
        plans = with_plans(five_words_bundle, tmp_path_factory.mktemp("plans"))
        opened = native(plans, FakeCuda(), level="3" if level else "0")
    with opened as engine:
        yield engine


@pytest.fixture(scope="module")
def cpu_engine(five_words_bundle: Path) -> Iterator[Engine]:
    with eeinfer.load(five_words_bundle, threads=1) as engine:
        yield engine


def texts(rows: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(rows)
    mask = np.arange(LENGTH) < draw.integers(1, LENGTH + 1, (rows, 1))
    return {
        "ids": draw.integers(0, 20, (rows, LENGTH)),
        "mask": mask,
        "scale": draw.uniform(0.2, 2, rows).astype(np.float32),
    }


@pytest.mark.parametrize("rows", [1, 7, 32, 70])
@pytest.mark.parametrize("tau", [0, 0.6, 1])
def test_they_answer_as_on_the_cpu(gpu_engine: Engine, cpu_engine: Engine, rows: int, tau: float) -> None:
    inputs = texts(rows)
    answer, expected = gpu_engine(inputs, tau=tau), cpu_engine(inputs, tau=tau)
    np.testing.assert_array_equal(answer.exits, expected.exits)
    np.testing.assert_array_equal(answer.predictions, expected.predictions)
    np.testing.assert_allclose(answer.logits, expected.logits, atol=1e-5)


def test_one_row_after_another(gpu_engine: Engine, cpu_engine: Engine) -> None:
    inputs = texts(20)
    expected = cpu_engine(inputs, tau=0.6)
    for row in range(20):
        answer = gpu_engine({name: array[row] for name, array in inputs.items()}, tau=0.6)
        assert answer.exits.item() == expected.exits[row]
        np.testing.assert_allclose(answer.logits[0], expected.logits[row], atol=1e-5)


@pytest.mark.parametrize("kind", ["provider", "plans"])
def test_rows_move_on_where_no_segment_reads_an_input(five_words_bundle: Path, tmp_path: Path, kind: str) -> None:
    def scores_of(backend: Backend) -> list[float]:
        rows = {**texts(8), "unread": np.zeros(8, np.float32)}
        live = backend.start(rows)
        backend.run(0, live)
        live = backend.compact(live, np.array([7, 1, 2]))
        return backend.run(1, live).score.tolist()

    path = with_plans(five_words_bundle, tmp_path)
    manifest = Bundle.open(path).manifest
    unread = Input(tensor=TensorSpec(name="unread", dtype="float32", shape=()))
    write_manifest(path, msgspec.structs.replace(manifest, inputs=(*manifest.inputs, unread)))
    with eeinfer.load(path, threads=1) as engine:
        expected = engine.all_exits({**texts(8), "unread": np.zeros(8, np.float32)}).scores[[7, 1, 2], 1]
    if kind == "provider":
        found = scores_of(cpu_provider.backend(path))
    else:
        with native(path, FakeCuda()) as engine:
            found = scores_of(engine._running().backend)
    np.testing.assert_allclose(found, expected, atol=1e-5)


REFUSED = r"has the dynamic axes length, and backend '{}' runs fixed sizes alone; run it with device='cpu', or export"


def test_dynamic_axes_are_refused_by_providers(words_bundle: Path) -> None:
    with pytest.raises(BundleError, match=REFUSED.format("onnxruntime-cuda")):
        cpu_provider.backend(words_bundle)


def test_dynamic_axes_are_refused_by_plans(words_bundle: Path) -> None:
    with pytest.raises(BundleError, match=REFUSED.format("tensorrt")), native(words_bundle, FakeCuda()):
        pass

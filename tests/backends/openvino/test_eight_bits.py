"""Bundles in eight bits: OpenVINO rounds inside the network in its own places, and leaves nothing out."""

from collections.abc import Iterator

import method_networks
import numpy as np
import pytest
import torch

import eeinfer
from eeinfer.bundle.manifest import Preprocess
from eeinfer.export import PrecisionConfig, export_bundle, reduce_precision

pytest.importorskip("openvino", reason="pip install 'eeinfer[openvino]'")
Engines = tuple[eeinfer.Engine, eeinfer.Engine, eeinfer.Engine]


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (80, 8, 8, 3), dtype=np.uint8)


@pytest.fixture(scope="module", params=["sdn", "pabee"])
def engines(
    request: pytest.FixtureRequest, images: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engines]:
    """In eight bits by OpenVINO and by ONNX Runtime, and in float32. PABEE's first score asks for the count of rows."""
    folder = tmp_path_factory.mktemp(request.param)
    built = method_networks.network(request.param)
    rule = Preprocess(mean=(0.5,) * 3, std=(0.25,) * 3)
    exact = export_bundle(built.model, torch.zeros(1, 3, 8, 8), folder / "net.eeb", scores=built.score, preprocess=rule)
    np.savez(folder / "images.npz", images=images)
    small = reduce_precision(
        exact, folder / "small.eeb", config=PrecisionConfig(precision="int8"), data=folder / "images.npz"
    )
    with (
        eeinfer.load(small, backend="openvino", threads=1) as ours,
        eeinfer.load(small, backend="onnxruntime", threads=1) as theirs,
        eeinfer.load(exact, backend="onnxruntime", threads=1) as before,
    ):
        yield ours, theirs, before


def test_it_is_nearer_to_onnx_runtime_than_eight_bits_are_to_float32(engines: Engines, images: np.ndarray) -> None:
    ours, theirs, before = (engine.all_exits(images) for engine in engines)
    apart, moved = (np.abs(theirs.logits - other.logits).mean((0, 2)) for other in (ours, before))
    assert (apart < moved).all(), f"{apart} and {moved}"
    assert (ours.predictions == theirs.predictions).mean() > 0.98
    tau = np.median(theirs.scores, axis=0).clip(0, 1)
    assert (engines[0](images, tau=tau).exits == engines[1](images, tau=tau).exits).mean() > 0.9


def test_a_row_answers_alone_as_in_a_batch(engines: Engines, images: np.ndarray) -> None:
    engine = engines[0]
    together = engine.all_exits(images[:20]).logits
    alone = np.concatenate([engine.all_exits(image[np.newaxis]).logits for image in images[:20]])
    np.testing.assert_allclose(alone, together, rtol=1e-4, atol=1e-4)

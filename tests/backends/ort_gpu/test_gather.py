from pathlib import Path

import cpu_provider
import numpy as np
import onnx
import onnxruntime as ort
import pytest

from eeinfer.backends.ort_gpu.gather import Gatherer, gather_graph
from eeinfer.backends.ort_gpu.sessions import open_on
from eeinfer.bundle.manifest import TensorSpec


@pytest.fixture(scope="module")
def gatherer() -> Gatherer:
    return Gatherer(lambda graph, reads: open_on(cpu_provider.provider(), graph, reads), "cpu", 0)


@pytest.mark.parametrize("dtype", ["float32", "float16", "float64", "uint8", "int8", "int16", "int32", "int64", "bool"])
@pytest.mark.parametrize("sources", [1, 2, 5])
def test_rows_are_picked_from_tensors_one_behind_the_other(gatherer: Gatherer, dtype: str, sources: int) -> None:
    draw = np.random.default_rng(0)
    arrays = [draw.integers(0, 2, (3, 2, 300)).astype(dtype) for _ in range(sources)]
    rows = draw.integers(0, 3 * sources, 7)
    spec = TensorSpec(name="anything", dtype=dtype, shape=(2, 300))
    found = gatherer.take(spec, [ort.OrtValue.ortvalue_from_numpy(array) for array in arrays], rows)
    np.testing.assert_array_equal(found.numpy(), np.concatenate(arrays)[rows])
    assert found.numpy().dtype == np.dtype(dtype)


def test_rows_of_single_numbers_are_picked(gatherer: Gatherer) -> None:
    spec = TensorSpec(name="count", dtype="int64", shape=())
    found = gatherer.take(spec, [ort.OrtValue.ortvalue_from_numpy(np.arange(5))], np.array([4, 0]))
    assert found.numpy().tolist() == [4, 0]


def test_the_graph_is_valid_onnx(tmp_path: Path) -> None:
    reads = [TensorSpec(name=f"x{number}", dtype="float32", shape=(3, 224, 224)) for number in range(2)]
    model = onnx.load_from_string(gather_graph(reads))
    onnx.checker.check_model(model, full_check=True)
    assert [node.op_type for node in model.graph.node] == ["Concat", "Gather"]

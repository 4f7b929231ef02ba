"""Weights of a saved graph: read where they lie, and new ones put behind them."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from eeinfer.export.optimise.weights import Weights

OLD = np.arange(300, dtype=np.float32).reshape(3, 100)


@pytest.fixture
def graph(tmp_path: Path) -> onnx.GraphProto:
    """A graph with one weight inside and one outside of it."""
    stored = [numpy_helper.from_array(OLD, "outside"), numpy_helper.from_array(OLD[:, :2], "inside")]
    graph = helper.make_graph([], "g", [], [], stored)
    onnx.save(
        helper.make_model(graph),
        tmp_path / "model.onnx",
        save_as_external_data=True,
        location="model.bin",
        size_threshold=100,
    )
    return onnx.load(tmp_path / "model.onnx", load_external_data=False).graph


def test_weights_are_read_from_the_graph_and_from_the_file_beside_it(graph: onnx.GraphProto, tmp_path: Path) -> None:
    weights = Weights(graph, tmp_path)
    for name, wanted in (("outside", OLD), ("inside", OLD[:, :2])):
        found = weights.numbers(name)
        assert found is not None
        np.testing.assert_array_equal(found, wanted)
    assert weights.numbers("nothing") is None


@pytest.mark.parametrize(("like", "outside"), [("outside", True), ("inside", False), ("", False)])
def test_a_new_one_goes_where_the_old_one_lies(
    like: str, outside: bool, graph: onnx.GraphProto, tmp_path: Path
) -> None:
    weights, new = Weights(graph, tmp_path), -OLD[::-1, :50].copy()
    assert weights.add("first", new[:1], like) == "first"
    weights.add("second", new, like)
    kept = {tensor.name: tensor for tensor in graph.initializer}
    assert (kept["second"].data_location == TensorProto.EXTERNAL) is outside
    assert kept["second"].HasField("raw_data") is not outside
    for name, wanted in (("first", new[:1]), ("second", new), ("outside", OLD)):
        found = weights.numbers(name)
        assert found is not None
        np.testing.assert_array_equal(found, wanted)

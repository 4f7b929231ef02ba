"""Means over a whole map become pools; every other mean stays what it is."""

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

from eeinfer.export.optimise.averages import pool_averages

SHAPE = ["batch", 3, 4, 5]


def mean(
    axes: list[int], shape: list[int | str] | None = None, dtype: int = TensorProto.FLOAT, **more: int
) -> ModelProto:
    source = helper.make_tensor_value_info("x", dtype, SHAPE if shape is None else shape)
    result = helper.make_tensor_value_info("y", dtype, None)
    node = helper.make_node("ReduceMean", ["x", "axes"], ["y"], **more)
    graph = helper.make_graph([node], "g", [source], [result], [numpy_helper.from_array(np.array(axes), "axes")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def kinds(model: ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


@pytest.mark.parametrize("axes", [[2, 3], [-1, -2], [3, -2]])
@pytest.mark.parametrize("keepdims", [0, 1])
def test_a_mean_over_height_and_width_is_a_pool_that_answers_the_same(axes: list[int], keepdims: int) -> None:
    import onnxruntime

    model = mean(axes, keepdims=keepdims)
    pooled = pool_averages(model)
    assert kinds(pooled) == ["GlobalAveragePool", "Flatten"][: 2 - keepdims]
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5)).astype(np.float32)
    wanted, found = (
        onnxruntime.InferenceSession(each.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})[
            0
        ]
        for each in (model, pooled)
    )
    assert wanted.shape == found.shape
    np.testing.assert_allclose(found, wanted, atol=1e-6)


@pytest.mark.parametrize(
    "other",
    [
        mean([1, 2]),
        mean([3]),
        mean([1, 2, 3]),
        mean([1, 2], ["batch", 7, 8]),
        mean([2, 3], dtype=TensorProto.FLOAT16),
        mean([2, 3], dtype=TensorProto.DOUBLE),
    ],
)
def test_other_means_stay(other: ModelProto) -> None:
    assert pool_averages(other) == other


def test_a_mean_without_axes_stays() -> None:
    model = mean([2, 3])
    del model.graph.node[0].input[1]
    assert pool_averages(model) == model


def test_the_model_given_is_not_touched() -> None:
    model = mean([2, 3])
    before = onnx.ModelProto.FromString(model.SerializeToString())
    pool_averages(model)
    assert model == before

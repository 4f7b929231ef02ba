"""Questions for a number of rows in quantised graphs are put to the input, and are answered as before."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

openvino = pytest.importorskip("openvino", reason="pip install 'eeinfer[openvino]'")


def graph(shape: list[int], *, quantised: bool = True) -> bytes:
    """A map that is quantised, reshaped to ``shape``, and then given the shape of what was reshaped."""
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4, 6])
    made = helper.make_tensor_value_info("z", TensorProto.FLOAT, None)
    eight = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"]),
    ]
    nodes = [
        *(eight if quantised else [helper.make_node("Relu", ["x"], ["d"])]),
        helper.make_node("Reshape", ["d", "sizes"], ["y"]),
        helper.make_node("Shape", ["y"], ["asked"]),
        helper.make_node("Neg", ["y"], ["w"]),
        helper.make_node("Reshape", ["w", "asked"], ["z"]),
    ]
    constants = [
        helper.make_tensor("scale", TensorProto.FLOAT, [], [0.1]),
        helper.make_tensor("zero", TensorProto.INT8, [], [0]),
        helper.make_tensor("sizes", TensorProto.INT64, [len(shape)], shape),
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "g", [given], [made], constants), opset_imports=[helper.make_opsetid("", 17)]
    )
    return bytes(onnx.shape_inference.infer_shapes(model).SerializeToString())


def questions(model: object) -> list[str]:
    return [
        node.input_value(0).get_node().get_type_name()
        for node in model.get_ordered_ops()  # type: ignore[attr-defined]
        if node.get_type_name() == "ShapeOf"
    ]


@pytest.mark.parametrize("shape", [[-1, 24], [-1, 6], [-1, 2, 3], [-1, 4, 6], [-1]])
def test_a_map_with_any_number_of_rows_for_each_of_the_input_keeps_its_shape(shape: list[int]) -> None:
    from eeinfer.backends.openvino.row_counts import ask_the_input

    core = openvino.Core()
    plain, asked = (core.read_model(graph(shape)) for _ in range(2))
    ask_the_input(asked)
    assert questions(plain) == ["Reshape"]
    assert questions(asked) == ["Parameter"]
    for rows in (1, 3):
        image = np.random.default_rng(rows).standard_normal((rows, 4, 6)).astype(np.float32)
        before, after = (core.compile_model(model, "CPU")([image])[0] for model in (plain, asked))
        np.testing.assert_array_equal(before, after)


def test_a_graph_that_is_not_quantised_stays_as_it_is() -> None:
    from eeinfer.backends.openvino.row_counts import ask_the_input

    model = openvino.Core().read_model(graph([-1, 24], quantised=False))
    ask_the_input(model)
    assert questions(model) == ["Reshape"]

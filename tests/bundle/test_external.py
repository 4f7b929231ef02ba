import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import AttributeProto, GraphProto, ModelProto, SparseTensorProto, TensorProto, helper, numpy_helper

from eeinfer.bundle.external import external_files
from eeinfer.errors import BundleError


def outside(location: str) -> TensorProto:
    tensor = TensorProto(name=location, data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="offset", value="0")
    tensor.external_data.add(key="location", value=location)
    return tensor


def inside(graph: GraphProto, location: str) -> None:
    """Hide a tensor wherever ONNX allows one."""
    graph.initializer.append(outside(f"{location}_initializer"))
    graph.sparse_initializer.append(SparseTensorProto(values=outside(f"{location}_sparse"), dims=[1]))
    attribute = AttributeProto(name="value", type=AttributeProto.TENSOR, t=outside(f"{location}_attribute"))
    attribute.tensors.append(outside(f"{location}_list"))
    graph.node.add(op_type="Constant", output=["c"]).attribute.append(attribute)


def test_external_files_are_found_wherever_a_tensor_may_stand() -> None:
    model, branch = ModelProto(ir_version=9), GraphProto()
    inside(branch, "branch")
    inside(model.graph, "graph")
    node = model.graph.node.add(op_type="If")
    node.attribute.append(helper.make_attribute("then_branch", branch))
    function = model.functions.add(name="f")
    function.node.add(op_type="Constant").attribute.append(helper.make_attribute("value", outside("function")))
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(1000), "held within"))
    kinds = ("initializer", "sparse", "attribute", "list")
    expected = {f"{place}_{kind}" for place in ("graph", "branch") for kind in kinds} | {"function"}
    assert external_files(model.SerializeToString(), where=Path("m.onnx")) == expected


def test_a_truncated_graph_is_refused(tiny_bundle: Path) -> None:
    data = (tiny_bundle / "model.onnx").read_bytes()
    assert external_files(data, where=Path("model.onnx")) == {"weights.bin"}
    with pytest.raises(BundleError, match=r"model\.onnx is not an ONNX graph.*copy the bundle again"):
        external_files(data[:-1], where=Path("model.onnx"))


@given(st.binary(max_size=200))
def test_any_bytes_end_in_an_answer_or_a_refusal(data: bytes) -> None:
    with contextlib.suppress(BundleError):
        external_files(data, where=Path("m.onnx"))

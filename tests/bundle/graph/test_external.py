"""What a graph reads from other files."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
from graph_bytes import (
    WHERE,
    branching,
    inside,
    outside,
    refuse,
)
from hypothesis import given
from hypothesis import strategies as st
from onnx import GraphProto, ModelProto, TensorProto, numpy_helper

from eeinfer.bundle.graph.external import Reference, external_files, references
from eeinfer.errors import BundleError


def test_external_files_are_found_wherever_a_tensor_may_stand() -> None:
    model, branch, many = ModelProto(ir_version=9), GraphProto(), GraphProto()
    inside(branch, "branch")
    inside(many, "many")
    inside(model.graph, "graph")
    model.graph.node.extend([branching(branch), branching(many, attribute="graphs")])
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(1000), "held within"))
    kinds = ("initializer", "values", "indices", "attribute", "list", "sparse")
    expected = {f"{place}_{kind}" for place in ("graph", "branch", "many") for kind in kinds}
    assert external_files(model.SerializeToString(), where=WHERE) == expected


def test_what_is_read_is_said_to_the_byte() -> None:
    model = ModelProto(graph=GraphProto(initializer=[outside("w", offset="64", length="100", checksum="0")]))
    expected = Reference(location="w", offset=64, length=100)
    assert references(model.SerializeToString(), where=WHERE) == [expected]


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"offset": "-1"}, "external data at '-1', which is no number of bytes"),
        ({"offset": "+1"}, "no number of bytes"),
        ({"offset": " 1"}, "no number of bytes"),
        ({"offset": ""}, "no number of bytes"),
        ({"length": "1e3"}, "no number of bytes"),
        ({"length": "0x10"}, "no number of bytes"),
        ({"offset": "9" * 19}, "no number of bytes"),
        ({"prepacked_0": "x"}, "the key 'prepacked_0', unknown or given twice"),
    ],
)
def test_external_data_is_stated_as_onnx_defines_it(more: dict[str, str], text: str) -> None:
    refuse(ModelProto(graph=GraphProto(initializer=[outside("w", **more)])), f"has .*{text}")


def test_external_data_is_stated_once() -> None:
    tensor = outside("w")
    tensor.external_data.add(key="location", value="other")
    refuse(ModelProto(graph=GraphProto(initializer=[tensor])), "has external data with the key 'location'")


def test_attributes_of_few_bytes_are_looked_at() -> None:
    """These have not even the name and the type that ONNX Runtime asks for."""
    tensor = TensorProto(data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="w")
    model = ModelProto(graph=GraphProto())
    model.graph.node.add(op_type="Constant").attribute.add().t.CopyFrom(tensor)
    assert external_files(model.SerializeToString(), where=WHERE) == {"w"}
    nested = ModelProto(graph=GraphProto())
    branch = nested.graph.node.add(op_type="If").attribute.add().g
    branch.node.add(op_type="X", domain="com.microsoft")
    refuse(nested, "has an operator of the domain 'com.microsoft'")


def test_a_truncated_graph_is_refused(tiny_bundle: Path) -> None:
    data = (tiny_bundle / "model.onnx").read_bytes()
    for end in range(1, 300):
        with pytest.raises(BundleError, match=r"it (is broken at byte|has no graph)"):
            external_files(data[:end], where=WHERE)
    assert external_files(data, where=Path("model.onnx")) == {"weights.bin"}
    with pytest.raises(BundleError, match=r"model\.onnx is no ONNX graph.*copy the bundle again"):
        external_files(data[:-1], where=Path("model.onnx"))
    with pytest.raises(BundleError, match="it has no graph"):
        external_files(b"", where=WHERE)


@given(st.binary(max_size=200))
def test_any_bytes_end_in_an_answer_or_a_refusal(data: bytes) -> None:
    with contextlib.suppress(BundleError):
        external_files(data, where=WHERE)

"""Graphs that would do more than a bundle's graph, or that libraries fail to read."""

from pathlib import Path

import pytest
from graph_bytes import (
    WHERE,
    at_start,
    branching,
    inside,
    locations,
    outside,
    refuse,
)
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto, helper

from eeinfer.bundle.graph.external import OPTIMISED, references
from eeinfer.errors import BundleError


@pytest.mark.parametrize("number", [-(2**31), -1, 32, 2**31 - 1])
@pytest.mark.parametrize("place", ["outside", "within", "attribute", "sparse"])
def test_a_tensor_has_a_data_type_that_onnx_knows(number: int, place: str) -> None:
    """Another one kills ONNX Runtime 1.23."""
    tensor = at_start() if place == "outside" else TensorProto(name="w", dims=[1], raw_data=b"1234" * 5)
    tensor.data_type = number
    graph = GraphProto()
    if place == "sparse":
        graph.sparse_initializer.append(SparseTensorProto(values=tensor))
    elif place == "attribute":
        graph.node.add(op_type="Constant").attribute.add(name="value", type=AttributeProto.TENSOR).t.CopyFrom(tensor)
    else:
        graph.initializer.append(tensor)
    refuse(ModelProto(graph=graph), "has a tensor of an unknown data type")
    tensor.data_type = TensorProto.FLOAT
    assert locations(ModelProto(graph=GraphProto(initializer=[tensor])).SerializeToString()) <= {"weights.bin"}


@pytest.mark.parametrize("number", [32, 99, -1])
def test_a_tensor_of_few_bytes_has_a_data_type_that_onnx_knows_too(number: int) -> None:
    tensor = TensorProto(data_type=number)
    graph = GraphProto()
    graph.node.add(op_type="Constant").attribute.add(name="value", type=AttributeProto.TENSOR).t.CopyFrom(tensor)
    refuse(ModelProto(graph=graph), "has a tensor of an unknown data type")
    nested = GraphProto(node=[branching(graph)])
    refuse(ModelProto(graph=nested), "has a tensor of an unknown data type")


def test_functions_and_training_graphs_are_refused() -> None:
    model = ModelProto(graph=GraphProto())
    model.functions.add(name="f").node.add(op_type="Constant").attribute.append(
        helper.make_attribute("value", outside("function"))
    )
    refuse(model, "holds functions of its own")
    training = ModelProto(graph=GraphProto())
    inside(training.training_info.add().algorithm, "training")
    refuse(training, "holds a training graph")


@pytest.mark.parametrize("nested", [False, True])
def test_operators_of_another_domain_are_refused(nested: bool) -> None:
    graph = GraphProto()
    graph.node.add(op_type="Attention", domain="com.microsoft")
    model = ModelProto(graph=GraphProto(node=[branching(graph)]) if nested else graph)
    refuse(model, "has an operator of the domain 'com.microsoft'")
    assert references(model.SerializeToString(), where=WHERE, domains=OPTIMISED) == []


def test_a_number_written_the_long_way_hides_nothing() -> None:
    """Field 7 of a node as two bytes: protocol buffers allow it."""
    node = b"\xba\x00" + bytes([len(b"my.domain")]) + b"my.domain"
    graph = b"\x0a" + bytes([len(node)]) + node
    with pytest.raises(BundleError, match=r"domain 'my\.domain'"):
        references(b"\x3a" + bytes([len(graph)]) + graph, where=WHERE)


@pytest.mark.parametrize("key", [b"\xba\x80\x80\x80\x10", b"\xba\x80\x80\x80\x80\x01", b"\xba" + b"\x80" * 8 + b"\x02"])
def test_a_key_that_others_would_cut_off_at_32_bits_is_refused(key: bytes) -> None:
    """To a reader that cuts it off it is field 7, the domain; to one that does not it is unknown."""
    node = key + bytes([len(b"my.domain")]) + b"my.domain"
    graph = b"\x0a" + bytes([len(node)]) + node
    with pytest.raises(BundleError, match="is broken at byte"):
        references(b"\x3a" + bytes([len(graph)]) + graph, where=WHERE)


@pytest.mark.parametrize("name", ["score", "batch"])
def test_names_of_values_and_axes_are_text(tiny_bundle: Path, name: str) -> None:
    data = (tiny_bundle / "segment_00.onnx").read_bytes()
    sound = b"\x05" + name.encode()
    assert sound in data
    with pytest.raises(BundleError, match="it has a name that is no text"):
        references(data.replace(sound, sound[:-1] + b"\x80"), where=WHERE)


def test_graphs_inside_graphs_have_a_depth() -> None:
    graph = GraphProto()
    for _ in range(16):
        graph = GraphProto(node=[branching(graph)])
    refuse(ModelProto(graph=graph), "has graphs inside graphs, more than 16 deep")
    assert references(ModelProto(graph=graph.node[0].attribute[0].g).SerializeToString(), where=WHERE) == []


def test_nodes_have_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eeinfer.bundle.graph.external.MOST_NODES", 3)
    model = ModelProto(graph=GraphProto(node=[NodeProto(op_type="Relu")] * 3))
    assert references(model.SerializeToString(), where=WHERE) == []
    model.graph.node.add(op_type="Relu")
    refuse(model, "has more than 3 nodes")

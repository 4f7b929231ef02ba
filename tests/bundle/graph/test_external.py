"""Graphs that would read or do more than a bundle's graph: made as bytes that the onnx package writes."""

import contextlib
from pathlib import Path

import numpy as np
import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto, helper, numpy_helper

from eeinfer.bundle.graph.external import OPTIMISED, Reference, external_files, references
from eeinfer.errors import BundleError

WHERE = Path("m.onnx")


def outside(location: str, **more: str) -> TensorProto:
    tensor = TensorProto(name=location, data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    for key, value in ({"offset": "0", "location": location, "length": "4"} | more).items():
        tensor.external_data.add(key=key, value=value)
    return tensor


def inside(graph: GraphProto, location: str) -> None:
    """Hide a tensor wherever ONNX allows one."""
    graph.initializer.append(outside(f"{location}_initializer"))
    sparse = SparseTensorProto(values=outside(f"{location}_values"), indices=outside(f"{location}_indices"), dims=[1])
    graph.sparse_initializer.append(sparse)
    attribute = AttributeProto(name="value", type=AttributeProto.TENSOR, t=outside(f"{location}_attribute"))
    attribute.tensors.append(outside(f"{location}_list"))
    attribute.sparse_tensor.CopyFrom(SparseTensorProto(values=outside(f"{location}_sparse"), dims=[1]))
    graph.node.add(op_type="Constant", output=["c"]).attribute.append(attribute)


def branching(branch: GraphProto, *, attribute: str = "g") -> NodeProto:
    node = NodeProto(op_type="If")
    found = node.attribute.add(name="then_branch", type=AttributeProto.GRAPH)
    if attribute == "g":
        found.g.CopyFrom(branch)
    else:
        found.graphs.append(branch)
    return node


def refuse(model: ModelProto, text: str) -> None:
    with pytest.raises(BundleError, match=rf"m\.onnx is no ONNX graph of a bundle, it {text}"):
        references(model.SerializeToString(), where=WHERE)


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


def doubled(parent: Message, name: str, further: Message) -> bytes:
    """Write a message field a second time, behind everything else: whoever reads it merges the two."""
    other = type(parent)()
    getattr(other, name).CopyFrom(further)
    data = parent.SerializeToString() + other.SerializeToString()
    merged = type(parent).FromString(data)
    assert getattr(merged, name).ByteSize() > getattr(parent, name).ByteSize(), "merged, not replaced"
    return data


def locations(data: bytes) -> set[str]:
    return {reference.location for reference in references(data, where=WHERE)}


def shifted() -> TensorProto:
    """What adds an offset to a tensor that it is merged with."""
    tensor = TensorProto()
    tensor.external_data.add(key="offset", value="4096")
    return tensor


def at_start() -> TensorProto:
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1], data_location=TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value="weights.bin")
    return tensor


def wrapped(kind: str, data: bytes) -> bytes:
    """Put the bytes of an attribute, or of a sparse initializer, into a model."""
    size = len(data).to_bytes(1, "little")
    assert len(data) < 100
    if kind == "attribute":
        data = b"\x2a" + size + data  # the attribute of a node ...
        data = b"\x0a" + len(data).to_bytes(1, "little") + data  # ... of a graph
    else:
        data = b"\x7a" + size + data
    return b"\x3a" + len(data).to_bytes(1, "little") + data


@pytest.mark.parametrize("name", ["t", "g", "sparse_tensor"])
def test_an_attribute_holds_one_tensor_or_graph_and_not_two_that_are_merged(name: str) -> None:
    attribute = AttributeProto(name="v")
    further: Message = shifted()
    if name == "t":
        attribute.t.CopyFrom(at_start())
    elif name == "g":
        attribute.g.initializer.append(at_start())
        further = GraphProto(name="x")
    else:
        attribute.sparse_tensor.values.CopyFrom(at_start())
        further = SparseTensorProto(values=shifted())
    sound = wrapped("attribute", attribute.SerializeToString())
    assert locations(sound) == {"weights.bin"}
    what = {"t": "tensor", "g": "graph", "sparse_tensor": "sparse tensor"}[name]
    with pytest.raises(BundleError, match=f"it has a {what} twice where one may stand"):
        locations(wrapped("attribute", doubled(attribute, name, further)))


@pytest.mark.parametrize("name", ["values", "indices"])
def test_a_sparse_tensor_has_each_of_its_two_once(name: str) -> None:
    sparse = SparseTensorProto(values=at_start(), indices=at_start())
    assert locations(wrapped("sparse", sparse.SerializeToString())) == {"weights.bin"}
    sparse = SparseTensorProto(**{name: at_start()})
    with pytest.raises(BundleError, match="it has a tensor twice where one may stand"):
        locations(wrapped("sparse", doubled(sparse, name, shifted())))


def test_a_model_has_one_graph() -> None:
    model = ModelProto(graph=GraphProto(name="one"))
    with pytest.raises(BundleError, match="it has a graph twice where one may stand"):
        locations(doubled(model, "graph", GraphProto(name="another one")))


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


def field(number: int, content: bytes) -> bytes:
    assert len(content) < 128
    return bytes([number << 3 | 2, len(content)]) + content


def declaring(end: int, *, value: bytes = b"", kind: bytes = b"", tensor: bytes = b"", axis: bytes = b"") -> bytes:
    """An input (end 11) or output (12) of the shape [3], with more bytes behind what a message of it holds already."""
    axis = field(1, b"\x08\x03" + axis)
    shape = b"\x08\x01" + field(2, axis) + tensor
    return field(7, field(end, field(1, b"x") + field(2, field(1, shape) + kind) + value))


@pytest.mark.parametrize("end", [11, 12])
@pytest.mark.parametrize(
    ("message", "more", "what"),
    [
        ("value", field(1, b"y"), "name"),
        ("value", field(2, b""), "type"),
        ("kind", field(1, field(2, field(1, b"\x08\x04"))), "tensor type"),
        ("kind", field(4, b""), "tensor type"),
        ("tensor", b"\x08\x07", "data type"),
        ("tensor", field(2, b""), "shape"),
        ("axis", b"\x08\x04", "size"),
        ("axis", field(2, b"batch"), "size"),
    ],
)
def test_an_input_or_output_says_once_what_it_is(end: int, message: str, more: bytes, what: str) -> None:
    """Readers merge what stands twice, or take the last: a shape could be another to them than the one compared."""
    assert locations(declaring(end)) == set()
    with pytest.raises(BundleError, match=f"it has a {what} twice where one may stand"):
        locations(declaring(end, **{message: more}))


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


def test_a_truncated_graph_is_refused(tiny_bundle: Path) -> None:
    data = (tiny_bundle / "model.onnx").read_bytes()
    assert external_files(data, where=Path("model.onnx")) == {"weights.bin"}
    with pytest.raises(BundleError, match=r"model\.onnx is no ONNX graph.*copy the bundle again"):
        external_files(data[:-1], where=Path("model.onnx"))
    with pytest.raises(BundleError, match="it has no graph"):
        external_files(b"", where=WHERE)


@given(st.binary(max_size=200))
def test_any_bytes_end_in_an_answer_or_a_refusal(data: bytes) -> None:
    with contextlib.suppress(BundleError):
        external_files(data, where=WHERE)

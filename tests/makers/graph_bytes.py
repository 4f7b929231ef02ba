"""Graphs that would read or do more than a bundle's graph, made as bytes that the onnx package writes."""

from pathlib import Path

import pytest
from google.protobuf.message import Message
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, SparseTensorProto, TensorProto

from eeinfer.bundle.graph.external import references
from eeinfer.errors import BundleError

WHERE = Path("m.onnx")


def outside(location: str, **more: str) -> TensorProto:
    """A tensor whose numbers lie in another file."""
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
    """A node that holds a graph."""
    node = NodeProto(op_type="If")
    found = node.attribute.add(name="then_branch", type=AttributeProto.GRAPH)
    if attribute == "g":
        found.g.CopyFrom(branch)
    else:
        found.graphs.append(branch)
    return node


def refuse(model: ModelProto, text: str) -> None:
    """The model is refused in this sentence."""
    with pytest.raises(BundleError, match=rf"m\.onnx is no ONNX graph of a bundle, it {text}"):
        references(model.SerializeToString(), where=WHERE)


def doubled(parent: Message, name: str, further: Message) -> bytes:
    """Write a message field a second time, behind everything else: whoever reads it merges the two."""
    other = type(parent)()
    getattr(other, name).CopyFrom(further)
    data = parent.SerializeToString() + other.SerializeToString()
    merged = type(parent).FromString(data)
    assert getattr(merged, name).ByteSize() > getattr(parent, name).ByteSize(), "merged, not replaced"
    return data


def locations(data: bytes) -> set[str]:
    """Where the external data of a model lies."""
    return {reference.location for reference in references(data, where=WHERE)}


def shifted() -> TensorProto:
    """What adds an offset to a tensor that it is merged with."""
    tensor = TensorProto()
    tensor.external_data.add(key="offset", value="4096")
    return tensor


def at_start() -> TensorProto:
    """A tensor outside, its place alone being said."""
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


def field(number: int, content: bytes) -> bytes:
    """A length-delimited field of a message."""
    assert len(content) < 128
    return bytes([number << 3 | 2, len(content)]) + content


def declaring(end: int, *, value: bytes = b"", kind: bytes = b"", tensor: bytes = b"", axis: bytes = b"") -> bytes:
    """An input (end 11) or output (12) of the shape [3], with more bytes behind what a message of it holds already."""
    axis = field(1, b"\x08\x03" + axis)
    shape = b"\x08\x01" + field(2, axis) + tensor
    return field(7, field(end, field(1, b"x") + field(2, field(1, shape) + kind) + value))

"""What stands twice in a graph where readers would merge the two."""

import pytest
from google.protobuf.message import Message
from graph_bytes import at_start, declaring, doubled, field, locations, shifted, wrapped
from onnx import AttributeProto, GraphProto, ModelProto, SparseTensorProto

from eeinfer.errors import BundleError


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

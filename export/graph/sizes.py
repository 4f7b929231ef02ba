"""Sizes of tensors that a segment does not have: read off one that it receives."""

from collections.abc import Iterable

import onnx
from onnx import helper

from eeinfer.export.graph.index import BATCH, GraphIndex, Shape, option
from eeinfer.export.graph.layout import batches


def is_readable(index: GraphIndex, i: int) -> bool:
    """Whether a node gives the shape of a tensor with the batch in it, and batch and dynamic axes are all it needs."""
    node = index.graph.node[i]
    sizes = index.shape(node.input[0]) if node.op_type == "Shape" else None
    if not sizes or not any(map(batches, sizes)):
        return False
    return all(isinstance(size, int) or batches(size) or size in index.axes for size in sizes)


def holder(index: GraphIndex, source: str, size: str) -> str:
    """Return what a segment is to be given to read a size off: the tensor `source` itself, or an input of the model."""
    candidates: list[str] = [source, *(value.name for value in index.graph.input)]
    return next(name for name in candidates if index.has_batch_rows(name) and size in (index.shape(name) or ()))


def sizes_read(index: GraphIndex, i: int) -> list[str]:
    """The batch and the dynamic axes among what a Shape node gives."""
    sizes = (size for size in _dims(index, i) if isinstance(size, str))
    return sorted({BATCH if batches(size) else size for size in sizes})


def _dims(index: GraphIndex, i: int) -> Shape:
    node = index.graph.node[i]
    shape = index.shape(node.input[0]) or ()
    return shape[option(node, "start", 0) : option(node, "end", len(shape))]


def anchor(index: GraphIndex, received: Iterable[str], size: str) -> tuple[str, int] | None:
    """Return a received tensor that has a size, and on which axis."""
    name = min((name for name in received if size in (index.shape(name) or ())), default=None)
    return None if name is None else (name, (index.shape(name) or ()).index(size))


def size_nodes(index: GraphIndex, received: Iterable[str], i: int) -> list[onnx.NodeProto]:
    """Nodes that give the shape of an absent tensor: batch and dynamic axes read off received ones, the rest known."""
    output = index.graph.node[i].output[0]
    parts, made = [], []
    for position, dim in enumerate(_dims(index, i)):
        name = f"{output}_dim{position}"
        if isinstance(dim, int):
            made.append(helper.make_node("Constant", [], [name], value_ints=[dim]))
        else:
            made.extend(_read_size(index, received, dim or "", name))
        parts.append(name)
    return [*made, helper.make_node("Concat", parts, [output], axis=0)]


def _read_size(index: GraphIndex, received: Iterable[str], size: str, name: str) -> list[onnx.NodeProto]:
    times = batches(size)
    found = anchor(index, received, BATCH if times else size)
    assert found is not None  # the segment was given one
    whole = name if times < 2 else f"{name}_batch"
    nodes = [helper.make_node("Shape", [found[0]], [whole], start=found[1], end=found[1] + 1)]
    if times > 1:
        nodes.append(helper.make_node("Constant", [], [f"{name}_times"], value_ints=[times]))
        nodes.append(helper.make_node("Mul", [whole, f"{name}_times"], [name]))
    return nodes

"""Exits that a model stacks and takes apart again: the graph without the stack.

``list(torch.stack(logits))`` makes every exit wait for the last one: each is a slice of a tensor that holds them all.
A slice of a concatenation that lies within one of its inputs is a slice of that input, or the input itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import onnx
from onnx import helper, numpy_helper

from eeinfer.bundle.layout import EXIT_OUTPUTS
from eeinfer.export.graph.index import HEAVY, GraphIndex, Shape, extract, option

Built = tuple[list[onnx.NodeProto], list[onnx.ValueInfoProto]]


@dataclass(frozen=True, kw_only=True)
class _Piece:
    """Positions `start` to `stop` along `axis` of the value `name`, then permuted by `turned`, the last one first."""

    name: str
    axis: int
    start: int
    stop: int
    turned: tuple[tuple[int, ...], ...] = ()
    drop: int | None = None  # the axis that goes at the end, as in ``stack[0]``


def untie(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return `model` with every exit reading only what it needs of a stack; `model` itself where that spares nothing.

    Args:
        model: outputs as `eeinfer.export.graph.trace.export_graph` makes them.
    """
    index = GraphIndex(model.graph)
    nodes: list[onnx.NodeProto] = []
    infos: list[onnx.ValueInfoProto] = []
    for node in model.graph.node:
        built = _untied(index, node)
        nodes.extend([node] if built is None else built[0])
        infos.extend([] if built is None else built[1])
    loose = onnx.ModelProto()
    loose.CopyFrom(model)
    del loose.graph.node[:]
    loose.graph.node.extend(nodes)
    loose.graph.value_info.extend(infos)
    before, after = _heavy_work(index), _heavy_work(GraphIndex(loose.graph))
    if not any(less < more for less, more in zip(after, before, strict=True)):
        return model
    return extract(loose, [value.name for value in model.graph.output])  # without stacks that nobody reads any more


def _heavy_work(index: GraphIndex) -> list[int]:
    """Return how many convolutions, products and the like each exit waits for."""
    outputs = [value.name for value in index.graph.output]
    exits = [outputs[i : i + len(EXIT_OUTPUTS)] for i in range(0, len(outputs), len(EXIT_OUTPUTS))]
    return [sum(index.graph.node[i].op_type in HEAVY for i in index.ancestors(exit)) for exit in exits]


def _untied(index: GraphIndex, node: onnx.NodeProto) -> Built | None:
    """Return nodes and their types in the place of one that takes pieces of a stack; None for any other node."""
    found = [(_source(index, piece), output) for output, piece in _pieces(index, node)]
    nodes: list[onnx.NodeProto] = []
    infos: list[onnx.ValueInfoProto] = []
    for piece, output in found:
        if piece is None:
            return None
        steps, types = _steps(index, piece, output)
        for step in steps:
            step.metadata_props.extend(node.metadata_props)
        nodes.extend(steps)
        infos.extend(types)
    return (nodes, infos) if found else None


def _pieces(index: GraphIndex, node: onnx.NodeProto) -> Iterator[tuple[str, _Piece]]:
    """Yield what each output of a node with constant positions is a piece of."""
    shape = index.shape(node.input[0]) if node.input else None
    bounds = {"Gather": _gathered, "Slice": _sliced, "Split": _split}.get(node.op_type)
    if bounds is None or not shape:
        return
    for output, (axis, start, stop) in zip(node.output, bounds(index, node, shape), strict=False):
        scalar = node.op_type == "Gather" and not index.initializers[node.input[1]].dims
        drop = axis if scalar else None
        yield output, _Piece(name=node.input[0], axis=axis, start=start, stop=stop, drop=drop)


def _gathered(index: GraphIndex, node: onnx.NodeProto, shape: Shape) -> list[tuple[int, int, int]]:
    axis, positions = option(node, "axis", 0) % len(shape), _constant(index, node.input[1])
    size = shape[axis]
    if positions is None or len(positions) != 1 or not isinstance(size, int):
        return []
    return [(axis, positions[0] % size, positions[0] % size + 1)]


def _sliced(index: GraphIndex, node: onnx.NodeProto, shape: Shape) -> list[tuple[int, int, int]]:
    given = [_constant(index, name) for name in node.input[1:]]
    if len(given) < 3 or any(values is None or len(values) != 1 for values in given):
        return []
    start, stop, axis, step = (values[0] for values in (*given, [1])[:4] if values)
    size = shape[axis]
    if step != 1 or not isinstance(size, int):
        return []
    start, stop, _ = slice(start, stop).indices(size)
    return [(axis % len(shape), start, stop)]


def _split(index: GraphIndex, node: onnx.NodeProto, shape: Shape) -> list[tuple[int, int, int]]:
    axis = option(node, "axis", 0) % len(shape)
    size = shape[axis]
    if not isinstance(size, int):
        return []
    part = -(-size // len(node.output))
    sizes = _constant(index, node.input[1]) if len(node.input) > 1 else [part] * len(node.output)
    stops = [sum(sizes[: k + 1]) for k in range(len(sizes))] if sizes else []
    return [(axis, stop - length, min(stop, size)) for stop, length in zip(stops, sizes or [], strict=True)]


def _constant(index: GraphIndex, name: str) -> list[int] | None:
    """Return the numbers of a small constant; None for anything else."""
    tensor = index.initializers.get(name)
    if tensor is None or tensor.data_location == onnx.TensorProto.EXTERNAL:
        return None
    values: list[int] = numpy_helper.to_array(tensor).reshape(-1).tolist()
    return values


def _source(index: GraphIndex, piece: _Piece) -> _Piece | None:
    """Follow a piece to the one tensor of a stack that it lies in; None where it lies in several, or in no stack."""
    maker = index.producer.get(piece.name)
    node = index.graph.node[maker] if maker is not None else onnx.NodeProto()
    if node.op_type == "Identity":
        return _source(index, replace(piece, name=node.input[0]))
    if node.op_type == "Transpose":
        perm = tuple(node.attribute[0].ints)
        turned = (*piece.turned, perm)
        return _source(index, replace(piece, name=node.input[0], axis=perm[piece.axis], turned=turned))
    if node.op_type != "Concat" or option(node, "axis", 0) % len(index.shape(piece.name) or ()) != piece.axis:
        return None
    offset = 0
    for name in node.input:
        size = (index.shape(name) or (None,) * (piece.axis + 1))[piece.axis]
        if not isinstance(size, int):
            return None
        if offset <= piece.start < piece.stop <= offset + size:
            inner = replace(piece, name=name, start=piece.start - offset, stop=piece.stop - offset)
            return _source(index, inner) or inner
        offset += size
    return None


def _steps(index: GraphIndex, piece: _Piece, output: str) -> Built:
    """Return the nodes that make `output` of a piece: a slice where it is not all of its tensor, turned, squeezed."""
    kind = index.types[piece.name].type.tensor_type.elem_type
    shape = list(index.shape(piece.name) or ())
    steps: list[tuple[str, list[int], dict[str, Any]]] = []
    shapes: list[list[int | str | None]] = []
    if piece.stop - piece.start != shape[piece.axis]:
        shape[piece.axis] = piece.stop - piece.start
        steps.append(("Slice", [piece.start, piece.stop, piece.axis], {}))
        shapes.append([*shape])
    for perm in reversed(piece.turned):
        shape = [shape[axis] for axis in perm]
        steps.append(("Transpose", [], {"perm": [*perm]}))
        shapes.append(shape)
    if piece.drop is not None:
        steps.append(("Squeeze", [piece.drop], {}))
        shapes.append([size for axis, size in enumerate(shape) if axis != piece.drop])
    steps, shapes = steps or [("Identity", [], {})], shapes or [shape]
    names = [piece.name, *(f"{output}_piece{k}" for k in range(len(steps) - 1)), output]
    nodes = []
    for k, (kind_of_node, numbers, options) in enumerate(steps):
        constants = [f"{names[k + 1]}_at{i}" for i in range(len(numbers))]
        for name, number in zip(constants, numbers, strict=True):
            nodes.append(helper.make_node("Constant", [], [name], value_ints=[number]))
        nodes.append(helper.make_node(kind_of_node, [names[k], *constants], [names[k + 1]], **options))
    infos = [helper.make_tensor_value_info(name, kind, size) for name, size in zip(names[1:-1], shapes, strict=False)]
    return nodes, infos

"""Which part of a stack of exits a piece of it comes from, in a graph that torch traced.

A model may stack its exits and return them one by one. Each of them then seems to need all the others; what it is
made of is one input of the stack.
"""

from typing import Any

_SPLITS = ("aten::unbind", "aten::split", "aten::split_with_sizes", "aten::chunk")


def untied(value: Any) -> Any:
    """Return the input of a stack or concatenation that `value` is a piece of; `value` itself if it is none."""
    piece = _piece(value)
    found = _source(*piece) if piece else None
    return value if found is None else untied(found)


def _piece(value: Any) -> tuple[Any, int, int, int] | None:
    """Return the tensor that `value` is a piece of, along which axis, from where to where."""
    node = value.node()
    inputs = list(node.inputs())
    if node.kind() == "aten::select":
        axis, start = _axis(inputs[0], inputs[1]), inputs[2].toIValue()
        if axis is None or start is None:
            return None
        start %= _sizes(inputs[0])[axis]
        return inputs[0], axis, start, start + 1
    if node.kind() in ("aten::slice", "aten::narrow"):
        return _slice(node.kind(), inputs)
    if node.kind() == "prim::ListUnpack" and inputs[0].node().kind() in _SPLITS:
        return _part(inputs[0].node(), list(node.outputs()), value)
    return None


def _slice(kind: str, inputs: list[Any]) -> tuple[Any, int, int, int] | None:
    axis, start, end = _axis(inputs[0], inputs[1]), inputs[2].toIValue(), inputs[3].toIValue()
    if axis is None or start is None or end is None or (kind == "aten::slice" and inputs[4].toIValue() != 1):
        return None
    stop = start + end if kind == "aten::narrow" else end
    return (inputs[0], axis, *slice(start, stop).indices(_sizes(inputs[0])[axis])[:2])


def _part(split: Any, outputs: list[Any], value: Any) -> tuple[Any, int, int, int] | None:
    """Return which piece an output of a split is: the ones before it have sizes of their own."""
    source, *_, dim = split.inputs()
    axis = _axis(source, dim)
    if axis is None:
        return None
    unbound = split.kind() == "aten::unbind"
    lengths = [1 if unbound else _sizes(output)[axis] for output in outputs]
    position = [output.debugName() for output in outputs].index(value.debugName())
    start = sum(lengths[:position])
    return source, axis, start, start + lengths[position]


def _source(value: Any, axis: int, start: int, stop: int) -> Any:
    """Follow positions along an axis to the one input of a stack that holds them; None where there is none."""
    node = value.node()
    inputs = list(node.inputs())
    if node.kind() in ("aten::transpose", "aten::permute"):
        return _turned(node.kind(), inputs, axis, start, stop)
    if node.kind() == "aten::slice":  # as in ``stack[:, 0]``, which slices axis 0 from end to end first
        inner = _slice(node.kind(), inputs)
        offset = inner[2] if inner and inner[1] == axis else 0
        return _source(inputs[0], axis, start + offset, stop + offset) if inner else None
    if node.kind() not in ("aten::stack", "aten::cat") or _axis(value, inputs[1]) != axis:
        return None
    offset = 0
    for part in inputs[0].node().inputs():
        length = 1 if node.kind() == "aten::stack" else _sizes(part)[axis]
        if offset <= start < stop <= offset + length:
            return part
        offset += length
    return None


def _turned(kind: str, inputs: list[Any], axis: int, start: int, stop: int) -> Any:
    rank = len(_sizes(inputs[0]))
    order = list(range(rank))
    if kind == "aten::transpose":
        first, second = (value.toIValue() for value in inputs[1:])
        order[first], order[second] = order[second], order[first]
    else:
        order = [value.toIValue() for value in inputs[1].node().inputs()]
    return _source(inputs[0], order[axis] % rank, start, stop)


def _axis(value: Any, dim: Any) -> int | None:
    number = dim.toIValue()
    return None if number is None or not value.isCompleteTensor() else number % len(_sizes(value))


def _sizes(value: Any) -> list[int]:
    sizes: list[int] = value.type().sizes()
    return sizes

"""Where the batch lies in a value that does not have it on axis 0, and how such a value is carried.

Encoders run on [S, B, C], video networks on [B*T, ...], windowed attention on [B*windows, ...], an LSTM's state is
[1, B, H]. Rows can be taken out of a carried tensor on axis 0 alone: the segment that makes such a value ends with a
reshape and a transpose that put the batch there, the one that reads it begins with their inverse.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import onnx
from onnx import helper

from eeinfer.export.graph.index import BATCH, KEEPS_ORDER, GraphIndex, Shape, option

_BATCHES = re.compile(rf"(?:(\d+)\*)?{BATCH}(?:\*(\d+))?")
_MOVES_ROWS = {"GatherElements", "GatherND", "ScatterElements", "ScatterND", "Slice", "ReverseSequence", "Pad", "Tile"}
_MOVES_ROWS |= {"TopK", "Compress", "NonZero", "Expand", "If", "Loop", "Scan", "Unique", "SpaceToDepth", "DepthToSpace"}
_ON_ONE_AXIS = {"Concat", "Split", "Gather"}


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A value whose `axis` holds the batch: `outer` numbers in front of it in that axis, `inner` behind it."""

    shape: Shape
    axis: int
    outer: int = 1
    inner: int = 1

    @property
    def carried(self) -> Shape:
        """The shape in which it is carried."""
        return (BATCH, *(size for size in self._unfolded if size != BATCH))

    @property
    def _unfolded(self) -> Shape:
        folds = tuple(size for size in (self.outer, BATCH, self.inner) if size != 1)
        return (*self.shape[: self.axis], *folds, *self.shape[self.axis + 1 :])

    def pack(self, value: str, carried: str) -> list[onnx.NodeProto]:
        """Nodes that make the carried tensor of the value."""
        position = self._unfolded.index(BATCH)
        perm = [position, *(axis for axis in range(len(self._unfolded)) if axis != position)]
        return _steps(value, carried, self._folded and self._unfolded, perm, None)

    def unpack(self, carried: str, value: str) -> list[onnx.NodeProto]:
        """Nodes that make the value of the carried tensor."""
        position = self._unfolded.index(BATCH)
        perm = [*range(1, position + 1), 0, *range(position + 1, len(self._unfolded))]
        return _steps(carried, value, None, perm, self._folded and self.shape)

    @property
    def _folded(self) -> bool:
        return self.outer * self.inner > 1


def _steps(
    source: str, target: str, before: Shape | bool | None, perm: Sequence[int], after: Shape | bool | None
) -> list[onnx.NodeProto]:
    """Reshape to `before`, transpose, reshape to `after`, as far as there is something to do."""
    steps: list[tuple[str, Shape | Sequence[int]]] = []
    if before:
        steps.append(("Reshape", before if isinstance(before, tuple) else ()))
    if [*perm] != sorted(perm):
        steps.append(("Transpose", perm))
    if after:
        steps.append(("Reshape", after if isinstance(after, tuple) else ()))
    nodes, name = [], source
    for number, (kind, numbers) in enumerate(steps):
        made = target if number == len(steps) - 1 else f"{target}_step{number}"
        if kind == "Transpose":
            nodes.append(helper.make_node(kind, [name], [made], perm=[*numbers]))
        else:
            sizes = [size if isinstance(size, int) else -1 for size in numbers]
            nodes.append(helper.make_node("Constant", [], [f"{made}_shape"], value_ints=sizes))
            nodes.append(helper.make_node(kind, [name, f"{made}_shape"], [made]))
        name = made
    return nodes


def batches(size: int | str | None) -> int:
    """Return n of a size that is n times the batch, 0 for any other."""
    match = _BATCHES.fullmatch(size.replace(" ", "")) if isinstance(size, str) else None
    return int(match[1] or 1) * int(match[2] or 1) if match else 0


def layout_of(index: GraphIndex, name: str) -> Layout | None:
    """Return where the batch lies in a value, if it has it elsewhere than on axis 0; None where that is not known."""
    shape = index.shape(name) or ()
    axis = _batch_axis(index, shape)
    if axis is None or shape[axis] == BATCH:
        return Layout(shape=shape, axis=axis) if axis else None
    outer = _outer(index, name) if all(isinstance(size, int) or batches(size) for size in shape) else None
    return None if outer is None else Layout(shape=shape, axis=axis, outer=outer, inner=batches(shape[axis]) // outer)


def _batch_axis(index: GraphIndex, shape: Shape) -> int | None:
    """Return the one axis that depends on the batch, all others being known."""
    places = [axis for axis, size in enumerate(shape) if batches(size)]
    known = all(isinstance(size, int) or batches(size) or size in index.axes for size in shape)
    return places[0] if known and len(places) == 1 else None


def _outer(index: GraphIndex, name: str) -> int | None:
    """Return how many numbers stand in front of the batch within the axis that holds it; None if that is not clear.

    A reshape keeps the order of all numbers, so that what stands in front of the batch altogether stays the same;
    most other nodes leave the axis as it is.
    """
    shape, maker = index.shape(name) or (), index.producer.get(name)
    axis = _batch_axis(index, shape)
    if axis is None or shape[axis] == BATCH or maker is None:
        return None if axis is None or maker is None else 1
    node = index.graph.node[maker]
    if node.op_type in KEEPS_ORDER:
        in_front, own = _in_front(index, node.input[0]), math.prod(s for s in shape[:axis] if isinstance(s, int))
        fits = in_front is not None and in_front % own == 0 and batches(shape[axis]) % (in_front // own) == 0
        return in_front // own if in_front is not None and fits else None
    if node.op_type in _MOVES_ROWS or (node.op_type in _ON_ONE_AXIS and option(node, "axis", 0) % len(shape) == axis):
        return None
    for source in node.input:
        other = index.shape(source) or ()
        at = _batch_axis(index, other)
        if at is not None and batches(other[at]) == batches(shape[axis]):
            return _outer(index, source)
    return None


def _in_front(index: GraphIndex, name: str) -> int | None:
    """Return how many numbers stand in front of the batch of a value, over all its axes."""
    shape = index.shape(name) or ()
    axis = _batch_axis(index, shape)
    if axis is None:
        return None
    outer = 1 if shape[axis] == BATCH else _outer(index, name)
    return None if outer is None else outer * math.prod(size for size in shape[:axis] if isinstance(size, int))

"""The cut: one graph with every exit becomes one graph per exit.

Segment k holds the nodes that exit k needs and no earlier exit needed. A tensor made in one segment and read in
a later one is carried if rows can be removed from it (batch on axis 0, everything else fixed). What cannot be
carried - constants, position tables, sizes, a batch folded into another axis - is computed again where it is
needed, from what is carried; a batch size is read off a tensor that the segment receives. Work worth saving is
never done twice: if a convolution or a matrix product would have to be repeated, the cut is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import onnx
from onnx import helper

from eeinfer.bundle.layout import EXIT_OUTPUTS
from eeinfer.errors import ExportError
from eeinfer.export.graph.index import HEAVY, GraphIndex, Shape, assemble, module_of, reads

HALVES = (onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16)


@dataclass(frozen=True, kw_only=True)
class SegmentGraph:
    """One exit's graph with what enters and what it hands on, by name."""

    model: onnx.ModelProto
    inputs: tuple[str, ...]
    carried: tuple[str, ...]
    module: str
    shares: dict[str, str] = field(default_factory=dict)  # carried tensor -> the one in whose memory it lies


@dataclass
class _Draft:
    """A segment while it is being put together; nodes are positions in the source graph."""

    own: set[int]
    again: set[int] = field(default_factory=set)  # computed here a second time
    received: set[str] = field(default_factory=set)
    sized: set[int] = field(default_factory=set)  # Shape nodes whose tensor is not at hand

    @property
    def nodes(self) -> set[int]:
        return self.own | self.again


def cut(model: onnx.ModelProto, num_exits: int, *, first: int = 0) -> list[SegmentGraph]:
    """Partition `model` by the exits that need its nodes.

    Args:
        model: outputs named ``logits_00``, ``score_00``, ``prediction_00``, ``logits_01``, ... as
            `eeinfer.export.graph.trace.export_graph` makes them.
        num_exits: how many exits it has.
        first: the number of the first of them in those names, where the model is a part of another one.

    Raises:
        ExportError: a tensor that crosses a cut has no batch on axis 0 and cannot cheaply be computed again.
    """
    index = GraphIndex(model.graph)
    ends = [[f"{kind}_{k:02d}" for kind in EXIT_OUTPUTS] for k in range(first, first + num_exits)]
    drafts = [_Draft(own=own) for own in _owners(index, ends)]
    for draft, outputs in zip(drafts, ends, strict=True):
        _receive(index, draft, outputs)
    names = _carried_names(index, drafts)
    return [_segment(model, index, draft, outputs, names) for draft, outputs in zip(drafts, ends, strict=True)]


def _owners(index: GraphIndex, ends: Sequence[Sequence[str]]) -> list[set[int]]:
    taken: set[int] = set()
    owners = []
    for outputs in ends:
        own = index.ancestors(outputs) - taken
        owners.append(own)
        taken |= own
    return owners


def _receive(index: GraphIndex, draft: _Draft, outputs: Sequence[str]) -> None:
    """Find what the draft must be handed and what it must compute again."""
    stack = [*outputs]
    for i in sorted(draft.own):
        if not _reads_only_shape(index, draft, i):
            stack.extend(reads(index.graph.node[i]))
    while stack:
        stack.extend(_resolve(index, draft, stack.pop()))
    for i in sorted(draft.sized):
        _size(index, draft, i)


def _resolve(index: GraphIndex, draft: _Draft, name: str) -> list[str]:
    """Make one value available; return what that in turn needs."""
    maker = index.producer.get(name)
    if name in index.initializers or maker in draft.nodes:
        return []
    if maker is not None and _is_unpacking(index, index.graph.node[maker]):
        draft.again.add(maker)
        return list(reads(index.graph.node[maker]))
    if index.has_batch_rows(name):
        draft.received.add(name)
        return []
    if maker is None:
        raise ExportError(f"value {name!r} is read but never made; export the model again")
    node = index.graph.node[maker]
    if node.op_type in HEAVY and maker in index.varies:
        raise ExportError(
            f"tensor {name!r} of shape {index.shape(name)} from module {module_of(node)!r} crosses a cut without the "
            f"batch on axis 0, and making it again would repeat a {node.op_type}; move the exit to a block whose "
            "output has the batch first"
        )
    draft.again.add(maker)
    return [] if _reads_only_shape(index, draft, maker) else list(reads(node))


def _is_unpacking(index: GraphIndex, node: onnx.NodeProto) -> bool:
    """Carry a tensor as it is stored, in eight or sixteen bits: fewer bytes, and kernels read it directly."""
    widens = node.op_type == "DequantizeLinear" or (node.op_type == "Cast" and _is_half(index, node.input[0]))
    return widens and index.has_batch_rows(node.input[0])


def _is_half(index: GraphIndex, name: str) -> bool:
    return name in index.types and index.types[name].type.tensor_type.elem_type in HALVES


def _reads_only_shape(index: GraphIndex, draft: _Draft, i: int) -> bool:
    """Defer a Shape of a tensor made elsewhere: a whole tensor is not carried for its size."""
    node = index.graph.node[i]
    if node.op_type != "Shape" or not index.has_batch_rows(node.input[0]):
        return False
    if index.producer.get(node.input[0]) not in draft.own:
        draft.sized.add(i)
    return True


def _size(index: GraphIndex, draft: _Draft, i: int) -> None:
    source = index.graph.node[i].input[0]
    at_hand = source in draft.received or index.producer.get(source) in draft.nodes
    if not at_hand and any(_read_off(index, draft, dim) is None for dim in _wanted(index, i)):
        draft.received.add(source)
        at_hand = True
    if at_hand:
        draft.sized.discard(i)


def _wanted(index: GraphIndex, i: int) -> Shape:
    """The dimensions that a Shape node gives."""
    node = index.graph.node[i]
    options = {attribute.name: attribute.i for attribute in node.attribute}
    shape = index.shape(node.input[0]) or ()
    return shape[options.get("start", 0) : options.get("end", len(shape))]


def _read_off(index: GraphIndex, draft: _Draft, dim: int | str | None) -> tuple[str, int] | None:
    """A received tensor and its axis that is as long as `dim`; any tensor for a number."""
    places = ((name, at) for name in sorted(draft.received) for at, d in enumerate(index.shape(name) or ()))
    return next(
        (place for place in places if isinstance(dim, int) or (index.shape(place[0]) or ())[place[1]] == dim), None
    )


def _carried_names(index: GraphIndex, drafts: Sequence[_Draft]) -> dict[str, str]:
    """Stable global names, in the order in which the tensors are made."""
    inputs = {value.name for value in index.graph.input}
    received = set().union(*(draft.received for draft in drafts)) - inputs
    owner = {i: k for k, draft in enumerate(drafts) for i in draft.own}
    ordered = sorted(received, key=lambda name: (owner[index.producer[name]], index.producer[name], name))
    return {name: f"carried_{position:02d}" for position, name in enumerate(ordered)}


def _segment(
    model: onnx.ModelProto, index: GraphIndex, draft: _Draft, outputs: Sequence[str], names: dict[str, str]
) -> SegmentGraph:
    nodes: list[onnx.NodeProto] = []
    for i in sorted(draft.nodes):
        nodes.extend(_sizes(index, draft, i) if i in draft.sized else [index.graph.node[i]])
    made = {name for node in nodes for name in node.output}
    carried = [name for name in names if name in made and index.producer[name] in draft.own]
    received = sorted(draft.received, key=lambda name: names.get(name, ""))
    renamed = {name: names.get(name, name) for name in (*received, *carried)}
    renamed |= {name: want for name, want in zip(outputs, EXIT_OUTPUTS, strict=True) if name not in renamed}
    nodes = [rename(node, renamed) for node in nodes]
    nodes += [
        helper.make_node("Identity", [renamed[name]], [want], name=f"exit_{want}")
        for name, want in zip(outputs, EXIT_OUTPUTS, strict=True)
        if renamed[name] != want  # also carried, or made in an earlier segment
    ]
    part = assemble(
        model,
        nodes=nodes,
        inputs=[_typed(index, name, renamed[name]) for name in received],
        outputs=[
            *(_typed(index, name, want) for name, want in zip(outputs, EXIT_OUTPUTS, strict=True)),
            *(_typed(index, name, renamed[name]) for name in carried),
        ],
    )
    deepest = max((i for i in draft.own if index.graph.node[i].op_type in HEAVY), default=None)
    return SegmentGraph(
        model=part,
        inputs=tuple(renamed[name] for name in received),
        carried=tuple(renamed[name] for name in carried),
        module=module_of(index.graph.node[deepest]) if deepest is not None else "",
    )


def _sizes(index: GraphIndex, draft: _Draft, i: int) -> list[onnx.NodeProto]:
    """Nodes that give the shape of an absent tensor: batch and dynamic axes read off received ones, the rest known."""
    node = index.graph.node[i]
    parts, made = [], []
    for position, dim in enumerate(_wanted(index, i)):
        name = f"{node.output[0]}_dim{position}"
        if isinstance(dim, int):
            made.append(helper.make_node("Constant", [], [name], value_ints=[dim]))
        else:
            place = _read_off(index, draft, dim)
            assert place is not None, "otherwise the tensor itself is received"
            made.append(helper.make_node("Shape", [place[0]], [name], start=place[1], end=place[1] + 1))
        parts.append(name)
    return [*made, helper.make_node("Concat", parts, [node.output[0]], axis=0)]


def rename(node: onnx.NodeProto, names: dict[str, str]) -> onnx.NodeProto:
    """Return `node` with other names for values, those its bodies read or make included."""
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    copy.input[:] = [names.get(name, name) for name in node.input]
    copy.output[:] = [names.get(name, name) for name in node.output]
    for attribute in copy.attribute:
        for body in (*((attribute.g,) if attribute.HasField("g") else ()), *attribute.graphs):
            renamed = [rename(inner, names) for inner in body.node]
            del body.node[:]
            body.node.extend(renamed)
    return copy


def _typed(index: GraphIndex, name: str, wanted: str) -> onnx.ValueInfoProto:
    value = onnx.ValueInfoProto()
    value.CopyFrom(index.types[name])
    value.name = wanted
    return value

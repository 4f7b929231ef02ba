"""The cut: one graph with every exit becomes one graph per exit.

Segment k holds the nodes that exit k needs and no earlier exit needed. A tensor made in one segment and read in
a later one is carried if rows can be removed from it: the batch on axis 0, everything else fixed or a named dynamic
axis. One that has the batch elsewhere is carried by way of a transpose and a reshape. Constants, position tables,
sizes and views of what is carried are made again where they are needed; a size is read off a tensor that the segment
receives. Work worth saving is never done twice: if a convolution or a matrix product would have to be repeated, the
cut is refused.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import onnx
from onnx import helper

from eeinfer.bundle.layout import EXIT_OUTPUTS
from eeinfer.errors import ExportError
from eeinfer.export.graph.index import (
    HEAVY,
    GraphIndex,
    assemble,
    module_of,
    reads,
)
from eeinfer.export.graph.layout import Layout, layout_of
from eeinfer.export.graph.sizes import anchor, holder, is_readable, size_nodes, sizes_read
from eeinfer.export.graph.views import root_of

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
    _carry_once(index, drafts)
    for draft in drafts:
        for i in sorted(draft.sized):
            _size(index, draft, i)
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
    _supply(index, draft, stack)


def _supply(index: GraphIndex, draft: _Draft, names: Sequence[str]) -> None:
    """Make values available, and what they in turn need."""
    stack = [*names]
    while stack:
        stack.extend(_resolve(index, draft, stack.pop()))


def _resolve(index: GraphIndex, draft: _Draft, name: str) -> list[str]:
    """Make one value available; return what that in turn needs."""
    maker = index.producer.get(name)
    if name in index.initializers or maker in draft.nodes or name in draft.received:
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
    is_view = root_of(index, name)[1]
    if maker in index.computed and not is_view and layout_of(index, name):
        draft.received.add(name)
        return []
    if node.op_type in HEAVY and maker in index.varies:
        raise ExportError(
            f"tensor {name!r} of shape {list(index.shape(name) or ())} from module {module_of(node)!r} crosses a cut, "
            f"but it is not clear which numbers belong to a row, and making it again would repeat a {node.op_type}; "
            "move the exit to a block whose output has the batch first"
        )
    draft.again.add(maker)
    return [] if _reads_only_shape(index, draft, maker) else list(reads(node))


def _is_unpacking(index: GraphIndex, node: onnx.NodeProto) -> bool:
    """Carry a tensor as it is stored, in eight or sixteen bits: fewer bytes, and kernels read it directly."""
    widens = node.op_type == "DequantizeLinear" or (node.op_type == "Cast" and _is_half(index, node.input[0]))
    return widens and index.has_batch_rows(node.input[0])


def _is_half(index: GraphIndex, name: str) -> bool:
    return name in index.types and index.types[name].type.tensor_type.elem_type in HALVES


def _carry_once(index: GraphIndex, drafts: Sequence[_Draft]) -> None:
    """Make a view of the input, or of what is carried besides, again where it is needed."""
    roots = {name: root_of(index, name) for draft in drafts for name in draft.received}
    shared = Counter(root for root, _ in roots.values())
    inputs = {value.name for value in index.graph.input}
    for draft in drafts:
        for name in sorted(draft.received):
            root, nodes = roots[name]
            if nodes and (root in inputs or shared[root] > 1):
                draft.received = draft.received - {name} | {root}
                draft.again.update(nodes)
                _supply(index, draft, [other for i in nodes for other in reads(index.graph.node[i])])


def _reads_only_shape(index: GraphIndex, draft: _Draft, i: int) -> bool:
    """Defer a Shape of a tensor made elsewhere: a whole tensor is not carried for its size."""
    if not is_readable(index, i):
        return False
    if index.producer.get(index.graph.node[i].input[0]) not in draft.own:
        draft.sized.add(i)
    return True


def _size(index: GraphIndex, draft: _Draft, i: int) -> None:
    """See that the sizes that a Shape node gives can be read off something at hand."""
    source = index.graph.node[i].input[0]
    if source in draft.received or index.producer.get(source) in draft.nodes:
        draft.sized.discard(i)
        return
    for size in sizes_read(index, i):
        if anchor(index, draft.received, size) is None:
            draft.received.add(holder(index, source, size))
    if source in draft.received:
        draft.sized.discard(i)


def _carried_names(index: GraphIndex, drafts: Sequence[_Draft]) -> dict[str, str]:
    """Stable global names, in the order in which the tensors are made."""
    inputs = {value.name for value in index.graph.input}
    received = set().union(*(draft.received for draft in drafts)) - inputs
    owner = {i: k for k, draft in enumerate(drafts) for i in draft.own}
    ordered = sorted(received, key=lambda name: (owner[index.producer[name]], index.producer[name], name))
    return {name: f"carried_{position:02d}" for position, name in enumerate(ordered)}


def _out_of_the_way(index: GraphIndex, names: dict[str, str]) -> dict[str, str]:
    """Return other names for values that happen to be called as segments call theirs: a bundle's may be cut again."""
    taken = {*names.values(), *EXIT_OUTPUTS}
    return {name: f"{name}@before" for name in index.producer if name in taken and name not in names}


def _segment(
    model: onnx.ModelProto, index: GraphIndex, draft: _Draft, outputs: Sequence[str], names: dict[str, str]
) -> SegmentGraph:
    nodes: list[onnx.NodeProto] = []
    for i in sorted(draft.nodes):
        nodes.extend(size_nodes(index, draft.received, i) if i in draft.sized else [index.graph.node[i]])
    made = {name for node in nodes for name in node.output}
    carried = [name for name in names if name in made and index.producer[name] in draft.own]
    received = sorted(draft.received, key=lambda name: names.get(name, ""))
    layouts = {name: layout for name in (*received, *carried) if (layout := _layout(index, name))}
    final = {name: names.get(name, name) for name in (*received, *carried)}
    renamed = _out_of_the_way(index, names) | {name: new for name, new in final.items() if name not in layouts}
    renamed |= {name: want for name, want in zip(outputs, EXIT_OUTPUTS, strict=True) if name not in renamed}
    nodes = [rename(node, renamed) for node in nodes]
    unpacked = [node for name in received if name in layouts for node in layouts[name].unpack(final[name], name)]
    nodes = [*unpacked, *nodes]
    nodes += [
        helper.make_node("Identity", [renamed[name]], [want], name=f"exit_{want}")
        for name, want in zip(outputs, EXIT_OUTPUTS, strict=True)
        if renamed[name] != want  # also carried, or made in an earlier segment
    ]
    nodes += [node for name in carried if name in layouts for node in layouts[name].pack(name, final[name])]
    part = assemble(
        model,
        nodes=nodes,
        inputs=[_typed(index, name, final[name], layouts.get(name)) for name in received],
        outputs=[
            *(_typed(index, name, want) for name, want in zip(outputs, EXIT_OUTPUTS, strict=True)),
            *(_typed(index, name, final[name], layouts.get(name)) for name in carried),
        ],
    )
    deepest = max((i for i in draft.own if index.graph.node[i].op_type in HEAVY), default=None)
    return SegmentGraph(
        model=part,
        inputs=tuple(final[name] for name in received),
        carried=tuple(final[name] for name in carried),
        module=module_of(index.graph.node[deepest]) if deepest is not None else "",
    )


def _layout(index: GraphIndex, name: str) -> Layout | None:
    return None if index.has_batch_rows(name) else layout_of(index, name)


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


def _typed(index: GraphIndex, name: str, wanted: str, layout: Layout | None = None) -> onnx.ValueInfoProto:
    value = onnx.ValueInfoProto()
    value.CopyFrom(index.types[name])
    value.name = wanted
    if layout is None:
        return value
    return helper.make_tensor_value_info(wanted, value.type.tensor_type.elem_type, layout.carried)

"""Sums in place, also where their result leaves a segment.

In blocks of channels, a convolution and the sum after it are one node, which adds to the summand where it lies: a
stage of a residual network is one buffer that its blocks add to. ONNX Runtime does so with buffers of its own, and
copies the summand first where the result is an output of the graph. Here the summands become outputs too, and the
manifest says that they share the memory of the result: then nothing is copied.
"""

from dataclasses import replace

import onnx

from eeinfer.export.graph.cut import SegmentGraph, rename
from eeinfer.export.graph.index import GraphIndex

_DOMAIN = "com.microsoft.nchwc"
_SUMMAND = 3  # the input of a convolution that it adds to


def share_memory(part: SegmentGraph) -> SegmentGraph:
    """Return `part` with the summands behind what it carries as outputs that share its memory."""
    index = GraphIndex(part.model.graph)
    names, values, shares = {}, [], {}
    for carried in part.carried:
        for number, summand in enumerate(_summands(index, carried)):
            value = onnx.ValueInfoProto()
            value.CopyFrom(index.types[summand])
            value.name = names[summand] = f"{carried}@{number}"  # a name that no other tensor has
            shares[value.name] = carried
            values.append(value)
    if not names:
        return part
    model = onnx.ModelProto()
    model.CopyFrom(part.model)
    del model.graph.node[:]
    model.graph.node.extend(rename(node, names) for node in part.model.graph.node)
    model.graph.output.extend(values)
    return replace(part, model=model, carried=(*part.carried, *names.values()), shares=shares)


def _summands(index: GraphIndex, name: str) -> list[str]:
    """Return what the maker of a value adds to, what the maker of that adds to, and so on, as long as that is safe."""
    outputs, found = {value.name for value in index.graph.output}, []
    while (maker := index.producer.get(name)) is not None:
        node = index.graph.node[maker]
        if (node.op_type, node.domain) != ("Conv", _DOMAIN) or len(node.input) <= _SUMMAND:
            break
        summand = node.input[_SUMMAND]
        if summand not in index.producer or summand in outputs or index.shape(summand) != index.shape(name):
            break
        if not set(index.readers(summand)) <= index.ancestors(node.input) | {maker}:
            break  # somebody may read it when it is overwritten
        found.append(summand)
        name = summand
    return found

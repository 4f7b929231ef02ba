"""The static network in model.onnx: the backbone with its own classifier, without any head.

Mostly it is what the last exit needs. Where that exit reads heads, the export notes in the graph's metadata which value
holds the backbone's own logits; behind them stand a prediction and a score as the exits have them.
"""

import onnx
from onnx import TensorProto, helper

from eeinfer.bundle.layout import EXIT_OUTPUTS
from eeinfer.export.graph.cut import rename
from eeinfer.export.graph.index import GraphIndex, assemble, extract, reads

STATIC_KEY = "static_logits"  # the metadata entry of model.onnx that names the value


def note_static(model: onnx.ModelProto, value: str) -> None:
    """Write down that `value` [B, K] float32 holds the static network's logits."""
    model.metadata_props.add(key=STATIC_KEY, value=value)


def noted_static(model: onnx.ModelProto, exits: int) -> str | None:
    """Return the value that holds the static network's logits; None where the last exit's own are all there is."""
    value = next((entry.value for entry in model.metadata_props if entry.key == STATIC_KEY), None)
    if value is None:
        return None
    index, logits = GraphIndex(model.graph), f"logits_{exits - 1:02d}"
    behind = value != logits and index.producer.get(logits) in index.ancestors([value])
    return None if behind or value not in index.producer or not are_logits(index, value, logits) else value


def are_logits(index: GraphIndex, value: str, logits: str) -> bool:
    """Whether `value` has the dtype and the shape of an exit's `logits`."""
    known = value in index.types and index.shape(value) == index.shape(logits)
    return known and index.types[value].type.tensor_type.elem_type == TensorProto.FLOAT


def static_network(model: onnx.ModelProto, exits: int) -> onnx.ModelProto:
    """Return the network without early exits as one graph, its outputs named as the last exit's.

    Its score is computed as the last exit's where logits are all that it takes; else (patience, a learned
    confidence) it is the probability of the predicted class. Where nothing is noted, this is the network cut at the
    last exit.

    Args:
        model: with every exit; its weights stay where they are.
        exits: how many it has.
    """
    outputs = [f"{kind}_{exits - 1:02d}" for kind in EXIT_OUTPUTS]
    value = noted_static(model, exits)
    if value is None:
        return extract(model, outputs)
    index, answers = GraphIndex(model.graph), dict(zip(EXIT_OUTPUTS, outputs, strict=True))
    logits, made = answers["logits"], list[onnx.NodeProto]()
    kept = index.ancestors([value])
    for kind, by_hand in (("score", _probability), ("prediction", _best)):
        found = _behind(index, logits, answers[kind])
        kept |= found or set()
        made += [] if found is not None else by_hand(logits, answers[kind])
    nodes = [rename(model.graph.node[i], {value: logits}) for i in sorted(kept)]
    return assemble(
        model,
        nodes=[*nodes, *made],
        inputs=list(model.graph.input),
        outputs=[index.types[name] for name in outputs],
    )


def _behind(index: GraphIndex, logits: str, output: str) -> set[int] | None:
    """Return the nodes that make `output` of the logits and of constants; None where it takes anything else."""
    nodes = index.ancestors([output]) - index.ancestors([logits])
    inputs = {value.name for value in index.graph.input}
    read = {name for i in nodes for name in reads(index.graph.node[i])} - {logits}
    outside = {name for name in read if index.producer.get(name) not in nodes and name not in index.initializers}
    if outside & inputs or any(index.producer[name] in index.varies for name in outside):
        return None
    return nodes | index.ancestors(outside)


def _probability(logits: str, output: str) -> list[onnx.NodeProto]:
    axis, softmax = f"{output}_axis", f"{output}_softmax"
    return [
        helper.make_node("Constant", [], [axis], value_ints=[1]),
        helper.make_node("Softmax", [logits], [softmax], axis=1),
        helper.make_node("ReduceMax", [softmax, axis], [output], keepdims=0),
    ]


def _best(logits: str, output: str) -> list[onnx.NodeProto]:
    return [helper.make_node("ArgMax", [logits], [output], axis=1, keepdims=0)]

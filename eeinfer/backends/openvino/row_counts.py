"""How a graph in eight bits asks for the number of rows: of its input, where it asks for it of a map inside.

OpenVINO 2026.4 moves a question for the shape of a map on to the earliest tensor with as many rows, which may be a
convolution without its bias. Where a quantisation follows, the bias is then left out without a word: a trained PABEE's
logits were off by 2.6, where eight bits move them by 0.7. A question that is put to an input stays there.
"""

from collections.abc import Iterable, Set
from typing import Any

import numpy as np

_QUANTISED = "FakeQuantize"  # what OpenVINO reads a QuantizeLinear as; where there is none, nothing is left out
_QUESTION = "ShapeOf"
_PROBED = (7, 11)  # batches that tell how many rows of a map belong to one row of the input


def ask_the_input(model: Any) -> None:
    """Let every question for a shape of which only the number of rows is open be one for an input's number of rows."""
    nodes = model.get_ordered_ops()
    if not any(node.get_type_name() == _QUANTISED for node in nodes):
        return
    asked = {node.get_friendly_name(): node for node in nodes if node.get_type_name() == _QUESTION and _is_open(node)}
    if not asked:  # two copies of the network would be made for nothing
        return
    for name, rows in _rows_of_one(model, asked).items():
        asked[name].output(0).replace(_shape(model.inputs[0], asked[name], rows))
    model.validate_nodes_and_infer_types()


def _is_open(question: Any) -> bool:
    """Whether a tensor inside is asked for that has an open number of rows, and nothing else is open."""
    asked = question.input_value(0)
    shape = asked.get_partial_shape()
    if asked.get_node().get_type_name() == "Parameter" or shape.rank.is_dynamic or not len(shape):
        return False
    rows, *sizes = shape
    return bool(rows.is_dynamic) and all(size.is_static for size in sizes)


def _rows_of_one(model: Any, names: Iterable[str]) -> dict[str, int]:
    """Return how many rows of the tensors asked for belong to one row of the input: several after some reshapes."""
    found = [_rows(model, batch, {*names}) for batch in _PROBED]
    return {
        name: rows // _PROBED[0]
        for name, rows in found[0].items()
        if all(rows * batch == other[name] * _PROBED[0] for batch, other in zip(_PROBED, found, strict=True))
    }


def _rows(model: Any, batch: int, names: Set[str]) -> dict[str, int]:
    probe = model.clone()
    probe.reshape({node.any_name: [batch, *list(node.partial_shape)[1:]] for node in probe.inputs})
    shapes = {
        node.get_friendly_name(): node.input_value(0).get_partial_shape()
        for node in probe.get_ordered_ops()
        if node.get_friendly_name() in names
    }
    return {name: shape[0].get_length() for name, shape in shapes.items() if shape[0].is_static}


def _shape(source: Any, node: Any, rows_of_one: int) -> Any:
    """Return the shape that ``node`` answers with: the rows of ``source``, and the sizes that are known."""
    from openvino import opset8 as ops

    kind = node.output(0).get_element_type()
    asked = ops.shape_of(source, output_type=kind.get_type_name())
    rows = ops.gather(asked, ops.constant([0], dtype=np.int64), ops.constant(0, dtype=np.int64))
    if rows_of_one != 1:
        rows = ops.multiply(rows, ops.constant([rows_of_one], dtype=kind.to_dtype()))
    sizes = [size.get_length() for size in [*node.input_value(0).get_partial_shape()][1:]]
    whole = ops.concat([rows, ops.constant(sizes, dtype=kind.to_dtype())], axis=0) if sizes else rows
    return whole.output(0)

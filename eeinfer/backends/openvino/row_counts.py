"""How a graph in eight bits asks for the number of rows: of its input, where it asks for it of a map inside.

OpenVINO 2026.4 moves a question for the shape of a map on to the earliest tensor with as many rows, which may be a
convolution without its bias. Where a quantisation follows, the bias is then left out without a word: a trained PABEE's
logits were off by 2.6, where eight bits move them by 0.7. A question that is put to an input stays there.
"""

from typing import Any

import numpy as np

_QUANTISED = "FakeQuantize"  # what OpenVINO reads a QuantizeLinear as; where there is none, nothing is left out


def ask_the_input(model: Any) -> None:
    """Let every question for a shape of which only the number of rows is open be one for an input's number of rows."""
    nodes = model.get_ordered_ops()
    if not any(node.get_type_name() == _QUANTISED for node in nodes):
        return
    for node in nodes:
        if node.get_type_name() == "ShapeOf" and _is_open(node.input_value(0)):
            node.output(0).replace(_shape(model.inputs[0], node))
    model.validate_nodes_and_infer_types()


def _is_open(asked: Any) -> bool:
    """Whether a tensor inside has an open number of rows, and nothing else is open."""
    shape = asked.get_partial_shape()
    if asked.get_node().get_type_name() == "Parameter" or shape.rank.is_dynamic or not len(shape):
        return False
    rows, *sizes = shape
    return bool(rows.is_dynamic) and all(size.is_static for size in sizes)


def _shape(source: Any, node: Any) -> Any:
    """Return the shape that ``node`` answers with: the rows of ``source``, and the sizes that are known."""
    from openvino import opset8 as ops

    kind = node.output(0).get_element_type()
    asked = ops.shape_of(source, output_type=kind.get_type_name())
    rows = ops.gather(asked, ops.constant([0], dtype=np.int64), ops.constant(0, dtype=np.int64))
    sizes = [size.get_length() for size in [*node.input_value(0).get_partial_shape()][1:]]
    whole = ops.concat([rows, ops.constant(sizes, dtype=kind.to_dtype())], axis=0) if sizes else rows
    return whole.output(0)

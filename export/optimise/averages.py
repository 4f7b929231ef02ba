"""Means over a whole map as the pools that they are: ONNX Runtime computes those in blocks of channels.

torch exports ``adaptive_avg_pool2d(x, 1)`` and ``x.mean((2, 3))`` as ReduceMean, for which a map is put back into plain
order: at the end of a network, and in every block that weighs its channels (squeeze and excitation).
"""

import onnx
from onnx import TensorProto, helper, numpy_helper

from eeinfer.export.graph.index import GraphIndex, option


def pool_averages(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return ``model`` with every mean over height and width of a map in float32 as GlobalAveragePool."""
    index, written = GraphIndex(model.graph), onnx.ModelProto()
    written.CopyFrom(model)
    del written.graph.node[:]
    for node in model.graph.node:
        written.graph.node.extend(_pooled(node) if _is_average(index, node) else [node])
    return written


def _is_average(index: GraphIndex, node: onnx.NodeProto) -> bool:
    if (node.domain, node.op_type) != ("", "ReduceMean") or len(node.input) != 2:
        return False
    axes, shape = index.initializers.get(node.input[1]), index.shape(node.input[0])
    if axes is None or axes.data_location == TensorProto.EXTERNAL or shape is None or len(shape) != 4:
        return False
    of_floats = index.types[node.input[0]].type.tensor_type.elem_type == TensorProto.FLOAT
    return of_floats and sorted(int(axis) % 4 for axis in numpy_helper.to_array(axes)) == [2, 3]


def _pooled(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    if option(node, "keepdims", 1):
        return [helper.make_node("GlobalAveragePool", [node.input[0]], list(node.output), node.name)]
    pooled = f"{node.output[0]}@pooled"  # as no other value is called
    pool = helper.make_node("GlobalAveragePool", [node.input[0]], [pooled], node.name)
    return [pool, helper.make_node("Flatten", [pooled], list(node.output))]

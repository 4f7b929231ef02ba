"""Views: tensors that hold the numbers of another one, in another shape."""

import onnx
from onnx import helper

from eeinfer.export.graph.index import KEEPS_ORDER, GraphIndex

_VIEWS = {*KEEPS_ORDER, "Transpose", "ReorderOutput"}  # the last one is ONNX Runtime's, from blocks of channels


def root_of(index: GraphIndex, name: str) -> tuple[str, list[int]]:
    """Return the first tensor with rows that `name` is a view of, and the nodes in between.

    That is `name` itself, and no nodes, where it is a view of nothing. A view holds the same numbers in as many bytes
    or more.
    """
    root, between, nodes = name, list[int](), list[int]()
    while (maker := index.producer.get(name)) is not None:
        node = index.graph.node[maker]
        if node.op_type not in _VIEWS or _may_narrow(index, node):
            break
        nodes.append(maker)
        name = node.input[0]
        if index.has_batch_rows(name):
            root, between = name, [*nodes]
    return root, between


def _may_narrow(index: GraphIndex, node: onnx.NodeProto) -> bool:
    """Whether a Cast makes fewer bytes, or may."""
    kinds = [
        index.types[name].type.tensor_type.elem_type for name in (node.input[0], *node.output) if name in index.types
    ]
    sizes = [helper.tensor_dtype_to_np_dtype(kind).itemsize for kind in kinds]
    return node.op_type == "Cast" and (len(sizes) < 2 or sizes[0] > sizes[1])

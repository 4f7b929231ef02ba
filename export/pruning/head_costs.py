"""What heads cost in a graph: the multiply-adds of convolutions and matrix products that only dropped exits need."""

import math
from collections.abc import Sequence

import onnx

from eeinfer.bundle.layout import EXIT_OUTPUTS
from eeinfer.export.graph.index import GraphIndex


def dropped_flops(model: onnx.ModelProto, kept: Sequence[int], exits: int) -> list[int]:
    """Return, for each kept exit, the multiply-adds up to it that nobody needs when the others are dropped.

    Convolutions, Gemm and MatMul count, of one row; what else a head does (pooling, say) stays counted, so that a
    pruned bundle's FLOPs are never too few.

    Args:
        model: with all its exits.
        kept: numbers of those that stay, ascending.
        exits: how many there are.
    """
    index = GraphIndex(model.graph)
    needed = index.ancestors([f"{kind}_{k:02d}" for k in kept for kind in EXIT_OUTPUTS])
    found = []
    for k in kept:
        before = index.ancestors([f"{kind}_{j:02d}" for j in range(k + 1) for kind in EXIT_OUTPUTS])
        found.append(sum(multiply_adds(index, index.graph.node[i]) for i in before - needed))
    return found


def multiply_adds(index: GraphIndex, node: onnx.NodeProto) -> int:
    """Return the multiply-adds of a node for one row; 0 for one that is no convolution or product of known size."""
    if node.op_type not in ("Conv", "Gemm", "MatMul") or node.input[1] not in index.initializers:
        return 0
    weight = tuple(index.initializers[node.input[1]].dims)
    made = index.shape(node.output[0])
    sizes = None if made is None else made[1:]
    if sizes is None or not all(isinstance(size, int) for size in sizes):
        return 0
    inner: int = math.prod(weight[1:]) if node.op_type == "Conv" else weight[_inner_axis(node)]
    return inner * math.prod(size for size in sizes if isinstance(size, int))


def _inner_axis(node: onnx.NodeProto) -> int:
    turned = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return -1 if turned else -2

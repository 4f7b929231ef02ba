"""Classifiers that read a pooled map in blocks, as the pools leave it.

ONNX Runtime puts a map back into plain order before whatever has no kernel for blocks, which is most of a head; and
pools whose channels fill no whole number of blocks it computes in plain order altogether, ten times as slowly. A
classifier behind them is a linear layer: the order of the numbers it reads, and a factor of all of them, are a matter
of its weight. So the pools read the map in blocks, and the weight is written in the order in which they leave it.
"""

from pathlib import Path

import numpy as np
import onnx

from eeinfer.export.graph.index import BATCH, KEEPS_ORDER, GraphIndex, extract, option
from eeinfer.export.optimise.blocks import block_size
from eeinfer.export.optimise.pooled import pooled_maps
from eeinfer.export.optimise.rewriting import Head, Rewriting
from eeinfer.export.optimise.weights import Weights


def read_in_blocks(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto:
    """Return a network with every classifier over pooled maps in blocks reading them as they lie.

    Args:
        model: as ONNX Runtime saved it, with the shapes of all values.
        folder: where its weights lie; new ones are put behind them.

    Raises:
        OSError: they cannot be written.
    """
    index, made = GraphIndex(model.graph), onnx.ModelProto()
    made.CopyFrom(model)
    del made.graph.node[:]
    weights = Weights(made.graph, folder)
    for node in model.graph.node:
        head = _head(index, weights, node)
        made.graph.node.extend([node] if head is None else Rewriting(made.graph, weights, node, head).nodes())
    return extract(made, [value.name for value in model.graph.output])  # without what nobody reads any more


def _head(index: GraphIndex, weights: Weights, node: onnx.NodeProto) -> Head | None:
    """Return what a node is, if it is a linear layer over maps in blocks that nothing else reads."""
    if (node.domain, node.op_type) != ("", "Gemm") or not _is_usual(node):
        return None
    weight, name = weights.numbers(node.input[1]), _unflattened(index, node.input[0])
    maps = None if name is None else pooled_maps(index, weights.numbers, name)
    if weight is None or weight.dtype != np.float32 or not maps or not all(maps[0].is_like(other) for other in maps):
        return None
    maps.sort(key=lambda each: -abs(each.factor))
    matrix, first = (weight if option(node, "transB", 0) else weight.T), maps[0]
    batch, filled = (index.shape(first.source) or (None, None))[:2]
    if batch != BATCH or not isinstance(filled, int) or filled < first.channels or filled % block_size():
        return None
    if first.factor == 0 or matrix.shape[1] != first.channels * len(first.picked):
        return None
    return Head(maps=maps, weight=matrix.reshape(len(matrix), first.channels, len(first.picked)), filled=filled)


def _is_usual(node: onnx.NodeProto) -> bool:
    factors = [attribute.f for attribute in node.attribute if attribute.name in ("alpha", "beta")]
    return not option(node, "transA", 0) and all(factor == 1 for factor in factors)


def _unflattened(index: GraphIndex, name: str) -> str | None:
    """Return the map behind values that only shape it anew; None where somebody else reads one of them."""
    while index.is_read_once(name) and name in index.producer:
        node = index.graph.node[index.producer[name]]
        if node.op_type not in KEEPS_ORDER or (index.shape(name) or (None,))[0] != BATCH:
            return name if len(index.shape(name) or ()) == 4 else None
        name = node.input[0]
    return None

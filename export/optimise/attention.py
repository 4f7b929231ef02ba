"""Self-attention as one node, which ONNX Runtime computes without the copies in between.

torch exports ``scaled_dot_product_attention`` as some twenty nodes, and ONNX Runtime's own fusions know how other
exporters write it. Here its borders are found - the linear layer that makes query, key and value at once, and the
reshape that puts the heads together again - and what lies between is computed and compared with the formula: how it
is written does not matter.

ONNX's own ``Attention``, which torch writes from opset 23 on, does not replace this. In front of it query, key and
value are still cut apart and copied: a ViT-S takes about 5 % longer than here. TensorRT takes it from 10.14 on, and
TensorRT-RTX 1.7 reads it but builds no plan of it in float32. So bundles stay at opset 20.
"""

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator

from eeinfer.export.graph.index import BATCH, GraphIndex, assemble, extract, reads

_DOMAIN = "com.microsoft"
_TRIAL_ROWS = 2
_SAME = 1e-5  # how far the nodes may be off the formula, whose values are around 1


@dataclass(frozen=True, kw_only=True)
class _Attention:
    """tokens [batch, T, C] -> linear layer [batch, T, 3 C] -> ``inside`` -> heads put together [batch, T, C]."""

    tokens: str
    weight: str
    bias: str
    linear: str
    inside: frozenset[int]
    end: str
    heads: int
    shape: tuple[int, int]  # of one row of what the linear layer makes


def fuse_attention(model: onnx.ModelProto) -> onnx.ModelProto | None:
    """Return `model` with every self-attention in float32 as one node of ONNX Runtime's; None where it has none.

    Source: Vaswani et al. 2017, section 3.2, as ViT uses it: one linear layer for query, key and value.
    """
    index = GraphIndex(model.graph)
    softmaxes = [i for i, node in enumerate(model.graph.node) if node.op_type == "Softmax"]
    matches = [match for i in softmaxes if (match := _match(index, i)) and _is_attention(model, index, match)]
    if not matches:
        return None
    nodes = dict(enumerate(model.graph.node))
    for match in matches:
        end = index.producer[match.end]
        inputs = [match.tokens, match.weight, match.bias]
        nodes[end] = helper.make_node("Attention", inputs, [match.end], domain=_DOMAIN, num_heads=match.heads)
    outputs = list(model.graph.output)
    fused = assemble(model, nodes=list(nodes.values()), inputs=list(model.graph.input), outputs=outputs)
    if all(opset.domain != _DOMAIN for opset in fused.opset_import):
        fused.opset_import.append(helper.make_opsetid(_DOMAIN, 1))
    return extract(fused, [value.name for value in outputs])  # without what nobody reads any more


def _match(index: GraphIndex, softmax: int) -> _Attention | None:
    """Find the borders around a softmax over [batch, heads, T, T]."""
    layer, end = _linear_layer(index, softmax), _heads_together(index, softmax)
    shape = index.shape(index.graph.node[softmax].output[0])
    if layer is None or end is None or shape is None or len(shape) != 4 or not isinstance(shape[1], int):
        return None
    tokens, weight, bias, linear = layer
    inside, width = _between(index, linear, end), index.initializers[weight].dims[0]
    together = index.shape(end)
    if together is None or len(together) != 3:  # torch's own layers put the batch second, or rows in one line
        return None
    batch, count, last = together
    fits = (batch, last) == (BATCH, width) and index.shape(linear) == (BATCH, count, 3 * width)
    if inside is None or not fits or not isinstance(count, int) or width % shape[1]:
        return None
    return _Attention(
        tokens=tokens,
        weight=weight,
        bias=bias,
        linear=linear,
        inside=inside,
        end=end,
        heads=shape[1],
        shape=(count, 3 * width),
    )


def _linear_layer(index: GraphIndex, softmax: int) -> tuple[str, str, str, str] | None:
    """Return what the last layer from C to 3 C in front of the softmax reads, its weight, its bias, what it makes."""
    for i in sorted(index.ancestors(index.graph.node[softmax].input), reverse=True):
        add = index.graph.node[i]
        if add.op_type != "Add":
            continue
        for product, bias in (tuple(add.input), tuple(add.input)[::-1]):
            matmul = index.graph.node[index.producer[product]] if product in index.producer else None
            if matmul is None or matmul.op_type != "MatMul" or len(index.readers(product)) != 1:
                continue
            weight = index.initializers.get(matmul.input[1])
            if weight is not None and _tripled(weight, index.initializers.get(bias)):
                return matmul.input[0], weight.name, bias, add.output[0]
    return None


def _tripled(weight: onnx.TensorProto, bias: onnx.TensorProto | None) -> bool:
    if bias is None or {weight.data_type, bias.data_type} != {TensorProto.FLOAT} or len(weight.dims) != 2:
        return False
    return [weight.dims[1], *bias.dims] == [3 * weight.dims[0]] * 2


def _heads_together(index: GraphIndex, softmax: int) -> str | None:
    """Return the value behind softmax, product with the values, transpose and reshape."""
    name: str = index.graph.node[softmax].output[0]
    for kind in ("MatMul", "Transpose", "Reshape"):
        readers = index.readers(name)
        if len(readers) != 1 or index.graph.node[readers[0]].op_type != kind:
            return None
        name = index.graph.node[readers[0]].output[0]
    return name


def _between(index: GraphIndex, start: str, end: str) -> frozenset[int] | None:
    """Return the nodes that lead from one value to another; None if they read, or are read by, anything else."""
    known, inside = {start}, set[int]()
    for i in sorted(index.ancestors([end])):
        if not known.isdisjoint(reads(index.graph.node[i])):
            known.update(index.graph.node[i].output)
            inside.add(i)
    varying = {name for i in index.varies for name in index.graph.node[i].output}
    varying |= {value.name for value in index.graph.input}
    outside = any((set(reads(index.graph.node[i])) & varying) - known for i in inside)
    escapes = any(set(index.readers(name)) - inside for name in known - {end})
    ends = known & {value.name for value in index.graph.output}
    return None if outside or escapes or ends else frozenset(inside)


def _is_attention(model: onnx.ModelProto, index: GraphIndex, match: _Attention) -> bool:
    """Compute what lies between the borders for random values and compare it with the formula."""
    types = [index.types[match.linear]], [index.types[match.end]]
    nodes = [model.graph.node[i] for i in sorted(index.ancestors([match.end]) - index.varies | match.inside)]
    part = assemble(model, nodes=nodes, inputs=types[0], outputs=types[1])
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in part.graph.initializer):
        return False  # a table of biases, say
    values = np.random.default_rng(0).standard_normal((_TRIAL_ROWS, *match.shape)).astype(np.float32)
    try:
        (found,) = ReferenceEvaluator(part).run(None, {match.linear: values})
    except Exception:  # a node that onnx itself cannot compute is none of those that we look for
        return False
    return np.allclose(found, _attention(values, match.heads), rtol=0, atol=_SAME)


def _attention(linear: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """softmax(Q K' / sqrt(d)) V, a head at a time, of what the linear layer made [B, T, 3 C] -> [B, T, C]."""
    query, key, value = linear.reshape(*linear.shape[:2], 3, heads, -1).transpose(2, 0, 3, 1, 4)
    scores = query @ key.swapaxes(-1, -2) / np.sqrt(np.float32(query.shape[-1]))
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    mixed = (weights / weights.sum(-1, keepdims=True)) @ value
    together: NDArray[np.float32] = mixed.swapaxes(1, 2).reshape(*linear.shape[:2], -1)
    return together

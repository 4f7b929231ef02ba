"""Which nodes of a graph are to compute in eight bits, and which tensors therefore are stored in eight bits.

Convolutions and matrix products with constant weights become integer, if the last exit's classifier needs them: what
belongs to heads and scores alone stays float32. Between them, operators that have an integer form (Add, Mul, Concat,
pooling, reshaping) follow where everything they read is quantised and something integer needs their result. The rest
(normalisation, softmax, GELU, products of two activations) reads and writes float32.

A GPU's builder finds out itself what follows, and fuses a sum with the convolution before it only if that convolution's
result is not stored in eight bits first: there, only what convolutions and matrix products read is stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import onnx
from onnx import numpy_helper

from eeinfer.bundle.layout import EXIT_OUTPUTS
from eeinfer.export.graph.index import GraphIndex, reads

WEIGHTED = {"Conv", "MatMul", "Gemm"}
KEEPING = {"MaxPool", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Slice"}  # the range of what they read
FOLLOWING = KEEPING | {"Add", "Mul", "Concat", "Sigmoid", "AveragePool", "GlobalAveragePool"}
_CLAMPING = {"Relu", "Clip"}  # part of the operator before them: storing the result in a byte clamps anyway


@dataclass(frozen=True, kw_only=True)
class Quantisation:
    """Positions of nodes and names of tensors."""

    weighted: frozenset[int]  # with constant weights, computed in eight bits
    following: frozenset[int]  # without weights, computed in eight bits
    tensors: tuple[str, ...]  # stored in eight bits, in the order in which they are made
    integer_made: frozenset[str]  # those of `tensors` that an integer operator makes
    same_range: dict[str, str] = field(default_factory=dict)  # tensor -> the one that it only moves


def plan(index: GraphIndex, num_exits: int) -> Quantisation:
    """Decide what is quantised in a graph with outputs named as in model.onnx."""
    return _Planner(index, trunk(index, num_exits)).plan()


def plan_inputs(index: GraphIndex, num_exits: int) -> Quantisation:
    """Decide the same for a GPU: every reader of a stored tensor, heads included, reads it as it is stored."""
    planner = _Planner(index, trunk(index, num_exits))
    read = {index.graph.node[i].input[0] for i in planner.weighted}
    tensors = tuple(name for name in _in_order(index) if name in read)
    return Quantisation(
        weighted=planner.weighted, following=frozenset(), tensors=tensors, integer_made=frozenset(tensors)
    )


def _in_order(index: GraphIndex) -> list[str]:
    """All tensors in the order in which they are made."""
    return [value.name for value in index.graph.input] + [name for node in index.graph.node for name in node.output]


def trunk(index: GraphIndex, num_exits: int) -> set[int]:
    """Nodes that the last exit's classifier reads: the network without heads, scores and what exits hand each other."""
    ends = [[f"{kind}_{k:02d}" for kind in EXIT_OUTPUTS] for k in range(num_exits)]
    earlier = index.ancestors([name for outputs in ends[:-1] for name in outputs])
    needed = index.ancestors(ends[-1])
    classifiers = _last_weighted(index, needed - earlier) or _last_weighted(index, needed)
    return index.ancestors([name for i in classifiers for name in reads(index.graph.node[i])])


def _last_weighted(index: GraphIndex, nodes: set[int]) -> list[int]:
    """Those of the weighted nodes whose result no other weighted node reads."""
    weighted = [i for i in sorted(nodes) if has_constant_weight(index, index.graph.node[i])]
    behind = index.ancestors([name for i in weighted for name in index.graph.node[i].input])
    return [i for i in weighted if i not in behind]


def has_constant_weight(index: GraphIndex, node: onnx.NodeProto) -> bool:
    """Whether the node is a convolution or matrix product with a weight that integer kernels take."""
    if node.op_type not in WEIGHTED or node.input[1] not in index.initializers or node.input[0] in index.initializers:
        return False
    dims = index.initializers[node.input[1]].dims
    if node.op_type == "Conv":
        return all(name in index.initializers for name in node.input[2:] if name)
    return len(dims) == 2 and (node.op_type == "MatMul" or _is_plain_gemm(index, node))


def _is_plain_gemm(index: GraphIndex, node: onnx.NodeProto) -> bool:
    """Whether it is x W + b and nothing else."""
    found = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    plain = found.get("alpha", 1.0) == 1 and found.get("beta", 1.0) == 1 and not found.get("transA", 0)
    width = index.initializers[node.input[1]].dims[0 if found.get("transB", 0) else 1]
    bias = node.input[2] if len(node.input) > 2 else ""
    return plain and (not bias or (bias in index.initializers and [*index.initializers[bias].dims] == [width]))


class _Planner:
    def __init__(self, index: GraphIndex, trunk: set[int]) -> None:
        self.index = index
        self.node = index.graph.node
        self.trunk = trunk
        self.readers: dict[str, list[int]] = {}
        for i, node in enumerate(self.node):
            for name in set(reads(node)):
                self.readers.setdefault(name, []).append(i)
        self.ends = {value.name for value in index.graph.output}
        self.weighted = frozenset(i for i in trunk if i in index.varies and has_constant_weight(index, self.node[i]))

    def plan(self) -> Quantisation:
        quantised = {self.node[i].input[0] for i in self.weighted}
        made = {self.result(i) for i in self.weighted if self.node[i].op_type == "Conv"}
        quantised |= made
        useful = self._useful()
        following = set()
        same = {}
        for i in sorted(self.trunk - self.weighted):
            result = self.result(i)
            if self._follows(i, quantised) and result in useful:
                following.add(i)
                made.add(result)
                quantised.add(result)
                if self.node[i].op_type in KEEPING and result == self.node[i].output[0]:
                    same[result] = self.node[i].input[0]
        return Quantisation(
            weighted=self.weighted,
            following=frozenset(following),
            tensors=tuple(name for name in _in_order(self.index) if name in quantised),
            integer_made=frozenset(made),
            same_range=same,
        )

    def result(self, i: int) -> str:
        """What a node makes, a clamp behind it included if nobody else sees what lies between."""
        name: str = self.node[i].output[0]
        readers = self.readers.get(name, [])
        if len(readers) == 1 and name not in self.ends and self._clamps(readers[0]):
            return str(self.node[readers[0]].output[0])
        return name

    def _clamps(self, i: int) -> bool:
        """ReLU, or a clip at zero: what lies above is the calibrated range's to cut."""
        node = self.node[i]
        if i not in self.trunk or node.op_type not in _CLAMPING:
            return False
        if node.op_type == "Relu":
            return True
        low = self.index.initializers.get(node.input[1]) if len(node.input) > 1 else None
        return low is not None and float(numpy_helper.to_array(low).item()) == 0

    def _follows(self, i: int, quantised: set[str]) -> bool:
        node = self.node[i]
        if node.op_type not in FOLLOWING:
            return False
        return all(name in quantised for name in self._data(i))

    def _useful(self) -> set[str]:
        """Tensors that an integer operator reads, directly or through operators that have an integer form."""
        useful = {self.node[i].input[0] for i in self.weighted}
        for i in sorted(self.trunk - self.weighted, reverse=True):
            if self.node[i].op_type in FOLLOWING and self.result(i) in useful:
                useful.update(self._data(i))
        return useful

    def _data(self, i: int) -> Sequence[str]:
        node = self.node[i]
        return [*node.input[:1]] if node.op_type in KEEPING else [*node.input]

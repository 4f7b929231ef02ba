"""Reading ONNX graphs: who makes a value, who reads it, and whether rows of it can be removed."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import onnx

from eeinfer.bundle.manifest import TensorSpec

BATCH = "batch"
HEAVY = {"Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "Gemm", "MatMul", "MatMulInteger", "QLinearMatMul"}
HEAVY |= {"Einsum", "Attention", "MultiHeadAttention", "LSTM", "GRU", "RNN", "Scan", "Loop", "If"}

KEEPS_ORDER = {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Cast"}  # of the numbers in a tensor

Shape = tuple[int | str | None, ...]


def option(node: onnx.NodeProto, name: str, default: int) -> int:
    """Return a whole-numbered attribute of a node."""
    return next((attribute.i for attribute in node.attribute if attribute.name == name), default)


def module_of(node: onnx.NodeProto) -> str:
    """The module a node came from, as the exporter noted it."""
    return next((entry.value for entry in node.metadata_props if entry.key == "module"), "")


def reads(node: onnx.NodeProto) -> Iterator[str]:
    """Names a node reads, those its If and Loop bodies take from outside included."""
    yield from (name for name in node.input if name)
    for attribute in node.attribute:
        for body in (*((attribute.g,) if attribute.HasField("g") else ()), *attribute.graphs):
            inside = {value.name for value in (*body.input, *body.initializer)}
            for inner in body.node:
                yield from (name for name in reads(inner) if name not in inside)
                inside.update(inner.output)


@dataclass(frozen=True)
class GraphIndex:
    """Look-ups over one graph; nodes are known by their position, which is a topological order."""

    graph: onnx.GraphProto

    @cached_property
    def producer(self) -> dict[str, int]:
        """Value name -> the node that makes it."""
        return {name: i for i, node in enumerate(self.graph.node) for name in node.output if name}

    @cached_property
    def _readers(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for i, node in enumerate(self.graph.node):
            for name in set(reads(node)):
                found.setdefault(name, []).append(i)
        return found

    def readers(self, name: str) -> list[int]:
        """Nodes that read a value."""
        return self._readers.get(name, [])

    @cached_property
    def _ends(self) -> frozenset[str]:
        return frozenset(value.name for value in self.graph.output)

    def is_read_once(self, name: str) -> bool:
        """Whether one node alone reads a value, and nobody outside of the graph."""
        return len(self.readers(name)) == 1 and name not in self._ends

    @cached_property
    def initializers(self) -> dict[str, onnx.TensorProto]:
        """Weights by name."""
        return {tensor.name: tensor for tensor in self.graph.initializer}

    @cached_property
    def types(self) -> dict[str, onnx.ValueInfoProto]:
        """What is known of every value's dtype and shape."""
        return {value.name: value for value in (*self.graph.value_info, *self.graph.output, *self.graph.input)}

    @cached_property
    def varies(self) -> frozenset[int]:
        """Nodes whose results depend on the model's input."""
        tainted = {value.name for value in self.graph.input if value.name not in self.initializers}
        nodes = set()
        for i, node in enumerate(self.graph.node):
            if not tainted.isdisjoint(reads(node)):
                nodes.add(i)
                tainted.update(node.output)
        return frozenset(nodes)

    @cached_property
    def computed(self) -> frozenset[int]:
        """Nodes whose results depend on the numbers in the model's input, and not on its size alone."""
        tainted = {value.name for value in self.graph.input if value.name not in self.initializers}
        nodes = set()
        for i, node in enumerate(self.graph.node):
            if node.op_type not in ("Shape", "Size") and not tainted.isdisjoint(reads(node)):
                nodes.add(i)
                tainted.update(node.output)
        return frozenset(nodes)

    @cached_property
    def axes(self) -> frozenset[str]:
        """Names of the dynamic axes of the model's inputs, beside the batch."""
        shapes = (self.shape(value.name) or () for value in self.graph.input)
        return frozenset(size for shape in shapes for size in shape if isinstance(size, str)) - {BATCH}

    def shape(self, name: str) -> Shape | None:
        """Dimensions of a value: a number, a symbol, or None where unknown; None if nothing is known."""
        if name not in self.types or not self.types[name].type.tensor_type.HasField("shape"):
            return None
        dims = self.types[name].type.tensor_type.shape.dim
        return tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in dims)

    def has_batch_rows(self, name: str) -> bool:
        """Whether axis 0 is the batch and every other one fixed or a dynamic axis, so that rows can be removed."""
        first, *others = self.shape(name) or (None,)
        return first == BATCH and all(isinstance(size, int) or size in self.axes for size in others)

    def ancestors(self, outputs: Iterable[str]) -> set[int]:
        """Nodes that `outputs` need."""
        nodes: set[int] = set()
        stack = list(outputs)
        while stack:
            node = self.producer.get(stack.pop())
            if node is not None and node not in nodes:
                nodes.add(node)
                stack.extend(reads(self.graph.node[node]))
        return nodes


def row_bytes(index: GraphIndex, names: Iterable[str]) -> list[int]:
    """What one row of each of these tensors occupies in float32; 0 for one without rows."""
    shapes = [(index.shape(name) or ())[1:] for name in names if index.has_batch_rows(name)]
    return [4 * math.prod(size for size in shape if isinstance(size, int)) for shape in shapes]


def tensor_spec(value: onnx.ValueInfoProto) -> TensorSpec:
    """Describe a graph's input or output as the manifest does; axis 0 is the batch."""
    tensor = value.type.tensor_type
    return TensorSpec(
        name=value.name,
        dtype=str(np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type))),
        shape=tuple(dim.dim_param or dim.dim_value for dim in tensor.shape.dim[1:]),
    )


def extract(model: onnx.ModelProto, outputs: Sequence[str]) -> onnx.ModelProto:
    """Keep only what `outputs` need: the network cut short there, as one graph.

    Weights stay where `model` keeps them. Raises KeyError for an output the model does not have.
    """
    index = GraphIndex(model.graph)
    kept = sorted(index.ancestors(outputs))
    known = {value.name: value for value in model.graph.output}
    return assemble(
        model,
        nodes=[model.graph.node[i] for i in kept],
        inputs=list(model.graph.input),
        outputs=[known[name] for name in outputs],
    )


def assemble(
    model: onnx.ModelProto,
    *,
    nodes: Sequence[onnx.NodeProto],
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
) -> onnx.ModelProto:
    """Make a graph of `nodes` with the weights, types and opsets they need from `model`."""
    read = {name for node in nodes for name in reads(node)} | {value.name for value in outputs}
    made = {name for node in nodes for name in node.output}
    graph = onnx.GraphProto(name=model.graph.name)
    graph.node.extend(nodes)
    graph.input.extend(inputs)
    graph.output.extend(outputs)
    graph.initializer.extend(tensor for tensor in model.graph.initializer if tensor.name in read)
    ends = {value.name for value in outputs}
    graph.value_info.extend(v for v in model.graph.value_info if v.name in made and v.name not in ends)
    part = onnx.ModelProto(ir_version=model.ir_version, producer_name=model.producer_name, graph=graph)
    part.opset_import.extend(model.opset_import)
    part.functions.extend(model.functions)
    return part

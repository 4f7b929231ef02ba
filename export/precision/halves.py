"""Sixteen bits in the graph: the body in fp16 or bf16, heads and scores in float32, a Cast where they meet.

Nothing is left to a runtime's judgement: every tensor has the type in which it is computed. Kept in float32 inside the
body is what adds up or squares many values, because their sum may leave the range of fp16 though their mean does not.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper, version_converter

from eeinfer.errors import ExportError
from eeinfer.export.graph.index import GraphIndex, assemble
from eeinfer.export.precision.qdq_plan import trunk

WIDE = {"ReduceMean", "ReduceSum", "ReduceL1", "ReduceL2", "ReduceSumSquare", "ReduceLogSumExp", "GlobalAveragePool"}
WIDE |= {"AveragePool", "InstanceNormalization", "GroupNormalization", "Pow", "Exp", "If", "Loop", "Scan"}
_ALWAYS_FLOAT = {("Resize", 2), ("Resize", 1)}  # inputs by operator and place
_BFLOAT16_OPSET = 22  # the first one whose convolutions take it

Array = NDArray[Any]


def with_halves(model: onnx.ModelProto, num_exits: int, kind: int) -> onnx.ModelProto:
    """Return `model`, whose weights are in memory, with its body in sixteen bits.

    Args:
        model: a float32 graph with outputs named as in model.onnx; it is not changed.
        num_exits: how many exits it has.
        kind: ONNX's number of FLOAT16 or BFLOAT16.

    Raises:
        ExportError: a weight lies beyond what the type can hold.
    """
    source = _raised(model) if kind == TensorProto.BFLOAT16 else model
    writer = _Writer(source, num_exits, kind)
    nodes = list(writer.nodes())
    whole = onnx.ModelProto()
    whole.CopyFrom(source)
    whole.graph.initializer.extend(writer.weights.values())
    del whole.graph.value_info[:]
    whole.graph.value_info.extend(writer.types.values())
    return assemble(whole, nodes=nodes, inputs=list(model.graph.input), outputs=list(model.graph.output))


def _raised(model: onnx.ModelProto) -> onnx.ModelProto:
    """Give the graph the opset that bf16 needs; the converter forgets which modules the nodes came from."""
    raised = version_converter.convert_version(model, _BFLOAT16_OPSET)
    origin = {node.output[0]: node.metadata_props for node in model.graph.node}
    for node in raised.graph.node:
        node.metadata_props.extend(origin.get(node.output[0], ()))
    known = {value.name for value in raised.graph.value_info}
    raised.graph.value_info.extend(value for value in model.graph.value_info if value.name not in known)
    return raised


class _Writer:
    def __init__(self, model: onnx.ModelProto, num_exits: int, kind: int) -> None:
        self.index = GraphIndex(model.graph)
        self.kind = kind
        self.types = {value.name: _copy(value) for value in model.graph.value_info}
        self.weights: dict[str, TensorProto] = {}
        self.halved: set[str] = set()  # tensors made in sixteen bits
        self.cast: set[str] = set()  # tensors of which the other form exists
        ends = {self.index.producer.get(value.name) for value in model.graph.output}
        self.body = {i for i in trunk(self.index, num_exits) - ends if model.graph.node[i].op_type not in WIDE}

    def nodes(self) -> Iterator[onnx.NodeProto]:
        for i, node in enumerate(self.index.graph.node):
            copy = _copy(node)
            half = i in self.body
            for place, name in enumerate(node.input):
                if self._is_float(name) and (node.op_type, place) not in _ALWAYS_FLOAT:
                    yield from self._fit(copy, place, name, half=half)
            if half:
                self._narrow(copy)
            yield copy

    def _is_float(self, name: str) -> bool:
        """Whether the tensor is float32 in the source."""
        if name in self.index.initializers:
            return bool(self.index.initializers[name].data_type == TensorProto.FLOAT)
        return name in self.index.types and self.index.types[name].type.tensor_type.elem_type == TensorProto.FLOAT

    def _fit(self, copy: onnx.NodeProto, place: int, name: str, *, half: bool) -> Iterator[onnx.NodeProto]:
        """Let the node read a tensor in its own type; make the Cast that this needs, once per tensor."""
        if half == (name in self.halved):
            return
        other = f"{name}_{'half' if half else 'float'}"
        copy.input[place] = other
        if other in self.cast:
            return
        self.cast.add(other)
        if name in self.index.initializers:
            self.weights[other] = self._weight(self.index.initializers[name], other)
            return
        kind = self.kind if half else TensorProto.FLOAT
        self.types[other] = _typed(self.index.types[name], other, kind)
        yield helper.make_node("Cast", [name], [other], to=kind)

    def _narrow(self, copy: onnx.NodeProto) -> None:
        """Let the node make its float32 results in sixteen bits."""
        for name in copy.output:
            if self._is_float(name):
                self.halved.add(name)
                self.types[name] = _typed(self.index.types[name], name, self.kind)
        for attribute in copy.attribute:
            if attribute.name == "to" and attribute.i == TensorProto.FLOAT:
                attribute.i = self.kind
            if attribute.name == "value" and attribute.t.data_type == TensorProto.FLOAT:
                attribute.t.CopyFrom(self._weight(attribute.t, attribute.t.name))
            if attribute.name in ("value_float", "value_floats"):
                values = attribute.f if attribute.name == "value_float" else [*attribute.floats]
                tensor = numpy_helper.from_array(np.asarray(values, np.float32))
                attribute.CopyFrom(helper.make_attribute("value", self._weight(tensor, "")))

    def _weight(self, tensor: TensorProto, name: str) -> TensorProto:
        return numpy_helper.from_array(narrowed(numpy_helper.to_array(tensor), self.kind, name=tensor.name), name)


def narrowed(values: Array, kind: int, *, name: str) -> Array:
    """Return float32 `values` in sixteen bits; a single one that stands for "very large" becomes the largest there is.

    Raises:
        ExportError: one of many lies beyond what the type can hold.
    """
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    limit = float(np.finfo(np.float16).max) if kind == TensorProto.FLOAT16 else float(np.finfo(np.float32).max)
    finite = values[np.isfinite(values)]
    largest = float(np.abs(finite).max(initial=0))
    if largest > limit and values.size > 1:
        raise ExportError(f"weight {name!r} holds {largest:.3g}, more than fp16's {limit:g}; take --precision bf16")
    return np.where(np.isfinite(values), np.clip(values, -limit, limit), values).astype(dtype)


def rounded_in_float(model: onnx.ModelProto, kind: int) -> onnx.ModelProto:
    """Return a float32 graph that computes what `model` does, for runtimes without kernels of its type.

    Every value that `model` stores in sixteen bits is rounded to them; sums within an operator are in float32, as on
    GPUs. `model` is not changed and has its weights in memory; what it reads and gives in sixteen bits becomes float32.
    """
    index = GraphIndex(model.graph)
    narrow = {name for name, value in index.types.items() if value.type.tensor_type.elem_type == kind}
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    graph = whole.graph
    nodes = list(_rounding(graph.node, narrow, kind))
    for value in (*graph.value_info, *graph.input, *graph.output):
        if value.name in narrow:
            value.type.tensor_type.elem_type = TensorProto.FLOAT
    for tensor in graph.initializer:
        if tensor.data_type == kind:
            tensor.CopyFrom(_widened(tensor))
    return assemble(whole, nodes=nodes, inputs=list(graph.input), outputs=list(graph.output))


def _rounding(nodes: Iterable[onnx.NodeProto], narrow: set[str], kind: int) -> Iterator[onnx.NodeProto]:
    for node in nodes:
        copy = _copy(node)
        for attribute in copy.attribute:
            if attribute.name == "to" and attribute.i == kind:
                attribute.i = TensorProto.FLOAT
            if attribute.HasField("t") and attribute.t.data_type == kind:
                attribute.t.CopyFrom(_widened(attribute.t))
        made = [name for name in node.output if name in narrow]
        copy.output[:] = [f"{name}_exact" if name in narrow else name for name in node.output]
        yield copy
        for name in made:
            yield helper.make_node("Cast", [f"{name}_exact"], [f"{name}_narrow"], to=kind)
            yield helper.make_node("Cast", [f"{name}_narrow"], [name], to=TensorProto.FLOAT)


def _widened(tensor: TensorProto) -> TensorProto:
    return numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), tensor.name)


def _typed(value: onnx.ValueInfoProto, name: str, kind: int) -> onnx.ValueInfoProto:
    typed = onnx.ValueInfoProto()
    typed.CopyFrom(value)
    typed.name = name
    typed.type.tensor_type.elem_type = kind
    return typed


def _copy(message: Any) -> Any:  # a protocol buffer of any kind
    copy = type(message)()
    copy.CopyFrom(message)
    return copy

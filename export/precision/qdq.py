"""Writing eight bits into a graph: QuantizeLinear and DequantizeLinear around what is to be computed in integers.

Weights have a scale per output channel and no zero point; how the rest is stored says eeinfer.export.precision.storage.
Runtimes fuse these pairs into kernels of eight bits; a runtime that does not computes the same in float32.

ONNX Runtime's own quantize_static, compared on the shipped network, is as fast, and no closer to float32 where weights
have seven bits as here; with eight it is closer, but saturates on processors without VNNI.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from eeinfer.export.graph.index import GraphIndex, assemble
from eeinfer.export.precision.qdq_plan import Quantisation
from eeinfer.export.precision.ranges import Range
from eeinfer.export.precision.storage import PROCESSOR, Storage

Array = NDArray[Any]


class _Writer:
    def __init__(self, model: onnx.ModelProto, plan: Quantisation, ranges: dict[str, Range], storage: Storage) -> None:
        self.index = GraphIndex(model.graph)
        self.plan = plan
        self.storage = storage
        self.scales = {name: self._scale(name, ranges) for name in plan.tensors}
        self.new: dict[str, Array] = {}

    def _scale(self, name: str, ranges: dict[str, Range]) -> tuple[np.float32, Array]:
        while name in self.plan.same_range:
            name = self.plan.same_range[name]
        return self.storage.step(ranges[name])

    def nodes(self) -> Iterator[onnx.NodeProto]:
        for value in self.index.graph.input:
            yield from self._pair(value.name)
        for i, node in enumerate(self.index.graph.node):
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            stored = i in self.plan.weighted or i in self.plan.following
            copy.input[:] = [self._read(name, stored) for name in node.input]
            if i in self.plan.weighted:
                yield from self._weights(copy, node)
            yield copy
            for name in node.output:
                yield from self._pair(name)

    def _read(self, name: str, stored: bool) -> str:
        """What float32 operators made, float32 operators go on reading as it is."""
        packed = name in self.scales and (stored or name in self.plan.integer_made)
        return f"{name}_dequantised" if packed else name

    def _pair(self, name: str) -> Iterator[onnx.NodeProto]:
        if name not in self.scales:
            return
        scale, zero = self.scales[name]
        parameters = [self._add(f"{name}_scale", scale), self._add(f"{name}_zero", zero)]
        yield helper.make_node("QuantizeLinear", [name, *parameters], [f"{name}_quantised"])
        yield helper.make_node("DequantizeLinear", [f"{name}_quantised", *parameters], [f"{name}_dequantised"])

    def _weights(self, copy: onnx.NodeProto, node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
        """Replace weight and bias of `copy` by what is stored of them."""
        weight = numpy_helper.to_array(self.index.initializers[node.input[1]])
        bias_name = node.input[2] if len(node.input) > 2 and self.storage.whole_bias else ""
        bias = numpy_helper.to_array(self.index.initializers[bias_name]) if bias_name else None
        axis = _output_axis(node)
        in_scale = float(self.scales[node.input[0]][0])
        scale = weight_scale(weight, bias, axis, in_scale, self.storage.weight_limit)
        shape = [-1 if a == axis else 1 for a in range(weight.ndim)]
        yield self._dequantised(copy, 1, self.storage.stored(weight / scale.reshape(shape)), scale, axis)
        if bias is not None:
            steps = scale * np.float32(in_scale)
            yield self._dequantised(copy, 2, np.round(bias / steps).astype(np.int32), steps, 0)

    def _dequantised(self, copy: onnx.NodeProto, place: int, stored: Array, scale: Array, axis: int) -> onnx.NodeProto:
        name = f"{copy.output[0]}_{'weight' if place == 1 else 'bias'}"
        parts = (stored, scale.astype(np.float32), np.zeros(len(scale), stored.dtype))
        kinds = ("stored", "scale", "zero")
        names = [self._add(f"{name}_{kind}", array) for kind, array in zip(kinds, parts, strict=True)]
        copy.input[place] = name
        return helper.make_node("DequantizeLinear", names, [name], axis=axis)

    def _add(self, name: str, array: Any) -> str:
        self.new[name] = np.asarray(array)
        return name

    def types(self) -> Iterator[onnx.ValueInfoProto]:
        """What the new tensors are, so that rows can be removed from them."""
        for name in self.plan.tensors:
            shape = self.index.shape(name)
            for ending, kind in (("quantised", self.storage.activations), ("dequantised", onnx.TensorProto.FLOAT)):
                if shape is not None:
                    yield helper.make_tensor_value_info(f"{name}_{ending}", kind, list(shape))


def weight_scale(
    weight: Array, bias: Array | None, axis: int, in_scale: float, limit: float = PROCESSOR.weight_limit
) -> NDArray[np.float32]:
    """Return the step of each output channel's weights, wide enough for the bias to fit into 32 bits."""
    others = tuple(a for a in range(weight.ndim) if a != axis)
    scale = np.abs(weight).max(axis=others).astype(np.float64) / limit
    if bias is not None:
        scale = np.maximum(scale, np.abs(bias) / (in_scale * 2.0**30))
    return np.where(scale > 1e-30, scale, 1.0).astype(np.float32)


def _output_axis(node: onnx.NodeProto) -> int:
    if node.op_type == "Conv":
        return 0
    return 0 if any(entry.name == "transB" and entry.i for entry in node.attribute) else 1


def with_integers(
    model: onnx.ModelProto, plan: Quantisation, ranges: dict[str, Range], storage: Storage = PROCESSOR
) -> onnx.ModelProto:
    """Return `model`, whose weights are in memory, with the planned parts in eight bits.

    Args:
        model: a float32 graph; it is not changed.
        plan: what is quantised.
        ranges: lowest and highest value of each tensor of the plan, zero included.
        storage: what they are stored in.
    """
    writer = _Writer(model, plan, ranges, storage)
    nodes = list(writer.nodes())
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    whole.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in writer.new.items())
    whole.graph.value_info.extend(writer.types())
    return assemble(whole, nodes=nodes, inputs=list(model.graph.input), outputs=list(model.graph.output))


def tensors_to_watch(plan: Quantisation) -> Sequence[str]:
    """Tensors whose range has to be found out; the others are moved about unchanged."""
    return [name for name in plan.tensors if name not in plan.same_range]

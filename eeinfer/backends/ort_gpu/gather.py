"""Rows of a tensor picked where it lies: ONNX Runtime's own Gather, as a graph of one or two nodes.

A graph is written here byte by byte, because the onnx package need not be installed where bundles run. Field numbers
are those of onnx.proto: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.bundle.manifest import TensorSpec

_TYPES = {  # TensorProto.DataType
    **{"float32": 1, "uint8": 2, "int8": 3, "uint16": 4, "int16": 5, "int32": 6, "int64": 7, "bool": 9},
    **{"float16": 10, "float64": 11, "uint32": 12, "uint64": 13, "bfloat16": 16},
}
_IR_VERSION, _OPSET = 8, 13
_INDICES = TensorSpec(name="indices", dtype="int64", shape=())
_INT = 2  # AttributeProto.AttributeType

Open = Callable[[bytes, Sequence[TensorSpec]], Any]  # makes a session of a graph that reads these


class Gatherer:
    """Picks rows out of one device tensor, or out of several as if they were one behind the other."""

    def __init__(self, open: Open, device: str, index: int) -> None:
        self._open, self._device, self._index = open, device, index
        self._sessions: dict[tuple[str, tuple[int, ...], int], Any] = {}

    def take(self, spec: TensorSpec, sources: Sequence[Any], rows: NDArray[np.int64]) -> Any:
        """Return the ``rows`` of ``sources``, OrtValues [B, *spec.shape], as one OrtValue on the device."""
        binding = self._session(spec, len(sources)).io_binding()
        for number, source in enumerate(sources):
            binding.bind_ortvalue_input(f"x{number}", source)
        binding.bind_cpu_input(_INDICES.name, rows)
        binding.bind_output("y", self._device, self._index)
        self._session(spec, len(sources)).run_with_iobinding(binding)
        return binding.get_outputs()[0]

    def _session(self, spec: TensorSpec, sources: int) -> Any:
        key = spec.dtype, spec.sizes(), sources
        if key not in self._sessions:
            reads = [TensorSpec(name=f"x{number}", dtype=spec.dtype, shape=spec.shape) for number in range(sources)]
            self._sessions[key] = self._open(gather_graph(reads), [*reads, _INDICES])
        return self._sessions[key]


def gather_graph(reads: Sequence[TensorSpec]) -> bytes:
    """Return an ONNX model: y = rows ``indices`` of the tensors ``reads``, which are joined along axis 0 first."""
    joined = reads[0].name if len(reads) == 1 else "joined"
    nodes = [] if len(reads) == 1 else [_node("Concat", [spec.name for spec in reads], joined, axis=0)]
    nodes.append(_node("Gather", [joined, _INDICES.name], "y", axis=0))
    made = TensorSpec(name="y", dtype=reads[0].dtype, shape=reads[0].shape)
    graph = b"".join(
        (
            *(_message(1, node) for node in nodes),
            _message(2, b"gather"),
            *(_message(11, _value(spec)) for spec in (*reads, _INDICES)),
            _message(12, _value(made)),
        )
    )
    return _number(1, _IR_VERSION) + _message(7, graph) + _message(8, _number(2, _OPSET))


def _node(operator: str, inputs: Sequence[str], output: str, *, axis: int) -> bytes:
    attribute = _message(1, b"axis") + _number(3, axis) + _number(20, _INT)
    names = b"".join(_message(1, name.encode()) for name in inputs)
    return names + _message(2, output.encode()) + _message(4, operator.encode()) + _message(5, attribute)


def _value(spec: TensorSpec) -> bytes:
    """A ValueInfoProto; its batch has no size."""
    sizes = b"".join(_message(1, _number(1, size)) for size in spec.sizes())
    shape = _message(1, b"") + sizes
    tensor = _number(1, _TYPES[spec.dtype]) + _message(2, shape)
    return _message(1, spec.name.encode()) + _message(2, _message(1, tensor))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))

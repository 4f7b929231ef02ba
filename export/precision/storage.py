"""How eight bits hold a number: in whole steps from a zero point, in whole steps around zero, or as a small float.

Processors multiply unsigned by signed bytes fastest and take biases in 32 bits; TensorRT takes steps around zero only,
and biases in floating point.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper

from eeinfer.export.precision.ranges import LEVELS, Range

Array = NDArray[Any]

_SMALLEST_STEP = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, kw_only=True)
class Storage:
    """What activations and weights are stored in."""

    activations: int  # ONNX's number of the dtype
    weights: int  # likewise
    limit: float  # largest stored activation, where zero is stored as zero
    weight_limit: float  # largest stored weight
    whole: bool  # whole numbers, or floats
    zero_point: bool  # whether the range of activations may lie anywhere around zero
    whole_bias: bool  # whether biases are stored in 32 bits

    def step(self, span: Range) -> tuple[np.float32, Array]:
        """Return the scale of activations that span `span`, and how their zero is stored."""
        low, high = span
        dtype = helper.tensor_dtype_to_np_dtype(self.activations)
        if not self.zero_point:
            return np.float32(max(max(-low, high) / self.limit, _SMALLEST_STEP)), np.zeros((), dtype)
        scale = max((high - low) / LEVELS, _SMALLEST_STEP)
        return np.float32(scale), np.asarray(np.clip(round(-low / scale), 0, LEVELS), dtype)

    def stored(self, weight: Array) -> Array:
        """Return weights, in steps, as they are stored."""
        steps = np.round(weight) if self.whole else weight
        return np.clip(steps, -self.weight_limit, self.weight_limit).astype(
            helper.tensor_dtype_to_np_dtype(self.weights)
        )


# Processors without VNNI add pairs of byte products in 16 bits: 2 * 255 * 64 fits, 2 * 255 * 127 would saturate and
# give other answers there than where the bundle was made.
PROCESSOR = Storage(
    activations=TensorProto.UINT8,
    weights=TensorProto.INT8,
    limit=LEVELS,
    weight_limit=64,
    whole=True,
    zero_point=True,
    whole_bias=True,
)
AROUND_ZERO = Storage(
    activations=TensorProto.INT8,
    weights=TensorProto.INT8,
    limit=127,
    weight_limit=127,
    whole=True,
    zero_point=False,
    whole_bias=False,
)
FLOAT8 = Storage(
    activations=TensorProto.FLOAT8E4M3FN,
    weights=TensorProto.FLOAT8E4M3FN,
    limit=448,
    weight_limit=448,
    whole=False,
    zero_point=False,
    whole_bias=False,
)

"""How ONNX Runtime lays out a map in blocks of channels, which is seen nowhere in the shape of its tensor.

[B, C, H, W] is kept as B times C / b blocks of H x W x b numbers, where b depends on the processor: 16 with AVX-512.
"""

import functools

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from eeinfer.backends.ort.sessions import open_session
from eeinfer.bundle.manifest import MODEL_NAME
from eeinfer.machine.leftovers import temporary_folder

DOMAIN = "com.microsoft.nchwc"
_CHANNELS, _PIXELS = 64, 2  # as many channels as no block has


@functools.cache
def block_size() -> int:
    """Return how many channels are in a block on this machine: where the second pixel of the first channel goes."""
    shape = [1, _CHANNELS, 1, _PIXELS]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("plain", "blocks")]
    node = helper.make_node("ReorderInput", ["plain"], ["blocks"], domain=DOMAIN)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid(DOMAIN, 1)]
    model = helper.make_model(
        helper.make_graph([node], "probe", ends[:1], ends[1:]), opset_imports=opsets, ir_version=10
    )
    with temporary_folder("eeinfer-blocks") as folder:
        onnx.save(model, folder / MODEL_NAME)
        session, _ = open_session(folder / MODEL_NAME, threads=1, optimised=True)
    plain = np.arange(_CHANNELS * _PIXELS, dtype=np.float32).reshape(shape)
    (blocks,) = session.run(None, {"plain": plain})
    return int(np.flatnonzero(blocks.ravel() == 1)[0])


def in_blocks(weight: NDArray[np.float32], channels: int, block: int) -> NDArray[np.float32]:
    """Return the weight of a linear layer over a map [N, C, pixels] for the map in blocks: [N, channels * pixels].

    Args:
        weight: of the map in plain order.
        channels: of the map in blocks, at least C; those beyond have no weight.
        block: channels of one block.
    """
    outputs, plain, pixels = weight.shape
    padded = np.pad(weight, ((0, 0), (0, channels - plain), (0, 0)))
    blocks = padded.reshape(outputs, channels // block, block, pixels).swapaxes(2, 3)
    return np.ascontiguousarray(blocks.reshape(outputs, -1))


def is_in_blocks(node: onnx.NodeProto) -> bool:
    """Whether a node leaves its result in blocks."""
    return node.domain == DOMAIN and node.op_type != "ReorderOutput"

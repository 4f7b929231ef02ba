"""Blocks of channels: how many one holds here, and a weight in the order in which they lie."""

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper

from eeinfer.export.optimise.blocks import DOMAIN, block_size, in_blocks


def reordered(plain: np.ndarray, channels: int) -> np.ndarray:
    """What ONNX Runtime makes of a map of which only the first channels are there."""
    shape = list(plain.shape)
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("plain", "blocks")]
    node = helper.make_node("ReorderInput", ["plain"], ["blocks"], domain=DOMAIN)
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid(DOMAIN, 1)]
    model = helper.make_model(helper.make_graph([node], "g", ends[:1], ends[1:]), opset_imports=opsets, ir_version=10)
    padded = np.zeros((shape[0], channels, *shape[2:]), np.float32)
    padded[:, : shape[1]] = plain
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (blocks,) = session.run(None, {"plain": padded})
    return np.asarray(blocks)


def test_a_block_holds_8_or_16_channels() -> None:
    assert block_size() in (8, 16)


@pytest.mark.parametrize(("channels", "filled"), [(16, 16), (24, 32), (64, 64), (3, 16)])
def test_a_weight_in_blocks_reads_a_map_in_blocks(channels: int, filled: int) -> None:
    draw = np.random.default_rng(channels)
    plain = draw.standard_normal((2, channels, 3, 2)).astype(np.float32)
    weight = draw.standard_normal((7, channels, 6)).astype(np.float32)
    wanted = np.einsum("ncp,bcp->bn", weight, plain.reshape(2, channels, 6))
    flat = reordered(plain, filled).reshape(2, -1)
    np.testing.assert_allclose(flat @ in_blocks(weight, filled, block_size()).T, wanted, atol=1e-4)

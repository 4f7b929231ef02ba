"""The nodes of a classifier that reads pooled maps in blocks.

Pools, their sum, the pixels that are picked, and the linear layer. Every node counts: a head computes next to nothing,
and between two calls the network washes the caches, so that a node takes about a microsecond whatever it does.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from eeinfer.export.graph.index import BATCH, Shape
from eeinfer.export.optimise.blocks import DOMAIN, block_size, in_blocks
from eeinfer.export.optimise.pooled import PooledMap
from eeinfer.export.optimise.pools import Pool
from eeinfer.export.optimise.weights import Weights

_MOST_TAPS = 256  # of a mean taken by a convolution: beyond them its kernel costs as much as what it saves


@dataclass(frozen=True, kw_only=True)
class Head:
    """A classifier over a sum of pooled maps."""

    maps: Sequence[PooledMap]  # alike; the one with the largest factor first
    weight: NDArray[np.float32]  # [N, C, pixels], of the map in plain order
    filled: int  # channels of the maps in blocks, with those that fill the last block


@dataclass(frozen=True)
class Rewriting:
    """One classifier, written anew.

    Args:
        graph: that the types of new values are noted in.
        weights: that new ones are added to.
        classifier: the node that it was.
        head: what that reads.
    """

    graph: onnx.GraphProto
    weights: Weights
    classifier: onnx.NodeProto
    head: Head
    made: list[onnx.NodeProto] = field(default_factory=list)

    def nodes(self) -> list[onnx.NodeProto]:
        """Return the nodes in the order in which they run; the last one makes what the classifier made."""
        first, total, old = self.head.maps[0], self._sum(), self.classifier
        flat = self._picked(total) if first.places else self._shaped(total, (BATCH, self._numbers(first.picked)))
        weight = in_blocks(self.head.weight * np.float32(first.factor), self.head.filled, block_size())
        named = self.weights.add(self._name("weight"), weight, old.input[1])
        return [*self.made, helper.make_node("Gemm", [flat, named, *old.input[2:]], list(old.output), transB=1)]

    def _sum(self) -> str:
        """Add the maps, every other one multiplied by what it counts beside the first."""
        first, *others = self.head.maps
        total = first.source if first.pool is None else self._map(first.pool.node(first.source, ""))
        for each in others:
            factor = np.float32(each.factor / first.factor)
            if each.pool is not None and _is_convolution(each.pool):
                total = self._add_mean(total, each.source, each.pool, factor)
            else:
                total = self._add(total, each, factor)
        return total

    def _add(self, total: str, each: PooledMap, factor: np.float32) -> str:
        pooled = each.source if each.pool is None else self._map(each.pool.node(each.source, ""))
        scaled = self._map(helper.make_node("Mul", [pooled, self._constant(factor)], [""]))
        return self._map(helper.make_node("Add", [total, scaled], [""]))

    def _add_mean(self, total: str, source: str, pool: Pool, factor: np.float32) -> str:
        """Add a mean by a convolution of each channel, which has its factor in its kernel and adds to the sum."""
        kernel = np.full((self.head.filled, 1, *pool.kernel), factor / math.prod(pool.kernel), np.float32)
        options: dict[str, Any] = {"kernel_shape": pool.kernel, "strides": pool.strides, "pads": pool.pads}
        inputs = [source, self._constant(kernel), "", total]
        return self._map(helper.make_node("Conv", inputs, [""], domain=DOMAIN, group=self.head.filled, **options))

    def _map(self, node: onnx.NodeProto) -> str:
        return self._append(node, (BATCH, self.head.filled, *self.head.maps[0].size))

    def _picked(self, total: str) -> str:
        """Pick pixels of all blocks at once: a block's channels of one pixel lie side by side."""
        first, block = self.head.maps[0], block_size()
        rows = f"{self.head.filled // block}*{BATCH}" if self.head.filled > block else BATCH
        lines = self._shaped(total, (rows, math.prod(first.size), block))
        places = self._constant(np.array(first.picked, np.int64))
        gather = helper.make_node("Gather", [lines, places], [""], axis=1)
        picked = self._append(gather, (rows, len(first.picked), block))
        return self._shaped(picked, (BATCH, self._numbers(first.picked)))

    def _numbers(self, pixels: Sequence[int]) -> int:
        return self.head.filled * len(pixels)

    def _shaped(self, name: str, shape: Shape) -> str:
        sizes = self._constant(np.array([-1, *shape[1:]], np.int64))
        return self._append(helper.make_node("Reshape", [name, sizes], [""]), shape)

    def _append(self, node: onnx.NodeProto, shape: Shape) -> str:
        name = node.output[0] = self._name(str(len(self.made)))
        self.made.append(node)
        self.graph.value_info.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return name

    def _constant(self, value: NDArray[Any] | np.float32) -> str:
        return self.weights.add(self._name(f"{len(self.made)}.constant"), np.asarray(value))

    def _name(self, what: str) -> str:
        return f"{self.classifier.output[0]}@{what}"  # as no other value is called


def _is_convolution(pool: Pool) -> bool:
    """Whether a pool takes the mean of as many pixels everywhere, and of few enough."""
    return pool.kind == "AveragePool" and not any(pool.pads) and math.prod(pool.kernel) <= _MOST_TAPS

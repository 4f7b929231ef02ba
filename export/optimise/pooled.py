"""What a classifier reads of maps in blocks: a sum of pooled maps, each with a factor, and which pixels of them.

Between such maps and the classifier of a head lie small nodes that have no kernel for blocks: factors, sums, pixels
that are picked, means written as matrix products, pools of maps whose channels fill no whole number of blocks. All of
them are linear but for the pools, so they are read off here, from the classifier backwards.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from eeinfer.export.graph.index import GraphIndex, option
from eeinfer.export.optimise.blocks import DOMAIN
from eeinfer.export.optimise.pools import Places, Pool, Sides, mean_pool, read_pool, skipping

Numbers = Callable[[str], NDArray[Any] | None]


@dataclass(frozen=True, kw_only=True)
class PooledMap:
    """A map in blocks, pooled or as it is."""

    source: str  # in blocks
    channels: int  # without those that fill the last block
    size: Sides  # behind the pool
    pool: Pool | None = None
    factor: float = 1.0
    places: Places | None = None  # along both sides, of the pixels that count; None: all

    @property
    def picked(self) -> list[int]:
        """The numbers of the pixels that count, counted along the rows."""
        rows, columns = self.places or (range(self.size[0]), range(self.size[1]))
        return [row * self.size[1] + column for row in rows for column in columns]

    def is_like(self, other: "PooledMap") -> bool:
        """Whether the two can be added pixel by pixel."""
        return (self.channels, self.size, self.places) == (other.channels, other.size, other.places)


def pooled_maps(index: GraphIndex, numbers: Numbers, name: str) -> list[PooledMap] | None:
    """Return the maps whose sum a value [B, C, H, W] is; None where anything else is in it.

    Args:
        index: of the network as ONNX Runtime saved it.
        numbers: gives the numbers of an initialiser.
        name: of the value.
    """
    found = _Reader(index, numbers).terms(name)
    return None if found is None else [_without_what_nobody_picks(term) for term in found]


@dataclass(frozen=True)
class _Reader:
    index: GraphIndex
    numbers: Numbers

    def terms(self, name: str) -> list[PooledMap] | None:
        node = self._made_by(name)
        reader = None if node is None else _KINDS.get((node.domain, node.op_type))
        return None if node is None or reader is None or not self._is_alone(node) else reader(self, node)

    def _made_by(self, name: str) -> onnx.NodeProto | None:
        return self.index.graph.node[self.index.producer[name]] if name in self.index.producer else None

    def _is_alone(self, node: onnx.NodeProto) -> bool:
        """Whether only one node reads what this one makes; a map in plain order may be read by others too."""
        return node.domain == DOMAIN or self.index.is_read_once(node.output[0])

    def sum(self, node: onnx.NodeProto) -> list[PooledMap] | None:
        left, right = (self.terms(name) for name in node.input)
        return None if left is None or right is None else left + right

    def product(self, node: onnx.NodeProto) -> list[PooledMap] | None:
        for factor, name in (node.input, reversed(node.input)):
            value = self.numbers(factor)
            if value is not None and value.size == 1 and value.ndim <= 4 and value.dtype == np.float32:
                found = self.terms(name)
                return found and [replace(term, factor=term.factor * float(value.item())) for term in found]
        return None

    def gather(self, node: onnx.NodeProto) -> list[PooledMap] | None:
        places, axis = self.numbers(node.input[1]), option(node, "axis", 0)
        if places is None or places.ndim != 1 or axis not in (2, 3) or (places < 0).any():
            return None
        found = self.terms(node.input[0])
        return found and [_pick(term, axis - 2, [int(place) for place in places]) for term in found]

    def plain(self, node: onnx.NodeProto) -> list[PooledMap] | None:
        """Read a map that is put back into plain order: as a pool of another one where a pool made it for it alone."""
        whole, maker = self._whole(node.output[0]), self._made_by(node.input[0])
        if whole is None or maker is None or maker.domain != DOMAIN or not self.index.is_read_once(node.input[0]):
            return None if whole is None else [whole]
        pool, size = read_pool(maker), self._size(maker.input[0])
        if pool is None or size is None or pool.size(size) != whole.size:
            return [whole]
        return [replace(whole, source=maker.input[0], pool=pool)]

    def pool(self, node: onnx.NodeProto) -> list[PooledMap] | None:
        """Read a pool of a map in plain order, whose channels fill no whole number of blocks."""
        pool = Pool(kind="GlobalAveragePool") if node.op_type == "GlobalAveragePool" else read_pool(node)
        whole = self._whole(node.input[0])
        return None if whole is None or pool is None else [replace(whole, pool=pool, size=pool.size(whole.size))]

    def means(self, node: onnx.NodeProto) -> list[PooledMap] | None:
        """Read rows @ map @ columns, both of which take means of neighbours."""
        inner = self._made_by(node.input[0])
        if inner is None or inner.op_type != "MatMul" or any(option(node, name, 0) for name in _TURNED):
            return None
        rows, columns, whole = self.numbers(inner.input[0]), self.numbers(node.input[1]), self._whole(inner.input[1])
        if rows is None or columns is None or whole is None or rows.ndim != 2 or columns.ndim != 2:
            return None
        found, factor = mean_pool(rows, columns), next((a.f for a in node.attribute if a.name == "alpha"), 1.0)
        if found is None:
            return None
        pool, places = found
        return [replace(whole, pool=pool, size=pool.size(whole.size), factor=factor, places=places)]

    def _whole(self, name: str) -> PooledMap | None:
        """Return the map that a value is in plain order."""
        node = self._made_by(name)
        if node is None or (node.domain, node.op_type) != (DOMAIN, "ReorderOutput") or option(node, "channels_last", 0):
            return None
        size = self._size(node.input[0])
        return (
            None if size is None else PooledMap(source=node.input[0], channels=option(node, "channels", 0), size=size)
        )

    def _size(self, name: str) -> Sides | None:
        shape = self.index.shape(name) or ()
        height, width = shape[2:] if len(shape) == 4 else (None, None)
        return (height, width) if isinstance(height, int) and isinstance(width, int) else None


_TURNED = ("transA", "transB", "transBatchA", "transBatchB")
_KINDS: dict[tuple[str, str], Callable[[_Reader, onnx.NodeProto], list[PooledMap] | None]] = {
    ("", "Add"): _Reader.sum,
    ("", "Mul"): _Reader.product,
    ("", "Gather"): _Reader.gather,
    ("", "MaxPool"): _Reader.pool,
    ("", "AveragePool"): _Reader.pool,
    ("", "GlobalAveragePool"): _Reader.pool,
    ("", "MatMul"): _Reader.means,
    ("com.microsoft", "FusedMatMul"): _Reader.means,
    (DOMAIN, "ReorderOutput"): _Reader.plain,
}


def _pick(term: PooledMap, axis: int, places: list[int]) -> PooledMap:
    sides = list(term.places or (tuple(range(side)) for side in term.size))
    sides[axis] = tuple(sides[axis][place] for place in places)
    return replace(term, places=(sides[0], sides[1]))


def _without_what_nobody_picks(term: PooledMap) -> PooledMap:
    if term.places is None or term.pool is None:
        return term
    pool = skipping(term.pool, term.places, term.size)
    size = len(term.places[0]), len(term.places[1])
    return term if pool is None else replace(term, pool=pool, size=size, places=None)

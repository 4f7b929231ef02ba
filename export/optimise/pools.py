"""Pools over a map, as ONNX Runtime computes them in blocks of channels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from eeinfer.export.graph.index import option
from eeinfer.export.optimise.blocks import DOMAIN

Sides = tuple[int, int]  # height and width
Places = tuple[tuple[int, ...], tuple[int, ...]]  # along the height and along the width
Kind = Literal["MaxPool", "AveragePool", "GlobalAveragePool"]

_EXACT = 1e-6  # how far the weight of a pixel may be off one over their number in a mean


@dataclass(frozen=True, kw_only=True)
class Pool:
    """One of the three kinds with its windows; of GlobalAveragePool they say nothing."""

    kind: Kind
    kernel: Sides = (1, 1)
    strides: Sides = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    counts_pads: bool = False

    def size(self, of: Sides) -> Sides:
        """Return the sides of what it makes of a map."""
        if self.kind == "GlobalAveragePool":
            return 1, 1
        padded = of[0] + self.pads[0] + self.pads[2], of[1] + self.pads[1] + self.pads[3]
        height, width = ((padded[i] - self.kernel[i]) // self.strides[i] + 1 for i in (0, 1))
        return height, width

    def node(self, source: str, result: str) -> onnx.NodeProto:
        """Return the node that pools a map in blocks."""
        if self.kind == "GlobalAveragePool":
            return helper.make_node(self.kind, [source], [result], domain=DOMAIN)
        more: dict[str, Any] = {"kernel_shape": self.kernel, "strides": self.strides, "pads": self.pads}
        if self.kind == "AveragePool":
            more["count_include_pad"] = int(self.counts_pads)
        return helper.make_node(self.kind, [source], [result], domain=DOMAIN, **more)


def read_pool(node: onnx.NodeProto) -> Pool | None:
    """Return what a MaxPool or AveragePool does; None where its windows follow other rules."""
    if node.op_type not in ("MaxPool", "AveragePool") or len(node.output) != 1:
        return None
    kernel, strides, pads = (_several(node, *each) for each in (("kernel_shape", 2), ("strides", 2), ("pads", 4)))
    rule = next((attribute.s for attribute in node.attribute if attribute.name == "auto_pad"), b"NOTSET")
    spread = any(step != 1 for step in _several(node, "dilations", 2) or (1, 1))
    if len(kernel) != 2 or option(node, "ceil_mode", 0) or rule != b"NOTSET" or spread:
        return None
    return Pool(
        kind="MaxPool" if node.op_type == "MaxPool" else "AveragePool",
        kernel=(kernel[0], kernel[1]),
        strides=(strides[0], strides[1]) if strides else (1, 1),
        pads=(pads[0], pads[1], pads[2], pads[3]) if pads else (0, 0, 0, 0),
        counts_pads=bool(option(node, "count_include_pad", 0)),
    )


def _several(node: onnx.NodeProto, name: str, count: int) -> Sequence[int]:
    """Return an attribute of so many whole numbers; none where it is not there."""
    found = next((list(attribute.ints) for attribute in node.attribute if attribute.name == name), [])
    return found if len(found) == count else []


def skipping(pool: Pool, picked: Places, size: Sides) -> Pool | None:
    """Return the pool that makes nothing but the pixels picked of what ``pool`` makes; None where none does.

    Args:
        pool: one with strides of 1.
        picked: places along both sides.
        size: of what ``pool`` makes.
    """
    down, across = (_step(places, side) for places, side in zip(picked, size, strict=True))
    alone = pool.kind != "GlobalAveragePool" and pool.strides == (1, 1)
    return replace(pool, strides=(down, across)) if alone and down and across else None


def _step(places: Sequence[int], side: int) -> int:
    """Return the stride that leaves these places of a side, and no others; 0: none does."""
    step = places[1] if len(places) > 1 else side
    return step if step > 0 and list(places) == list(range(0, side, step)) else 0


def mean_pool(rows: NDArray[Any], columns: NDArray[Any]) -> tuple[Pool, Places] | None:
    """Return the pool, and the places of it, that ``rows @ map @ columns`` is; None where these are no means.

    Args:
        rows: [n, height], each row the mean of neighbours.
        columns: [width, m], each column likewise.
    """
    sides = _windows(rows), _windows(columns.T)
    if sides[0] is None or sides[1] is None:
        return None
    (tall, above, first), (wide, left, second) = sides[0], sides[1]
    # An edge's windows are smaller, so that pads do not count.
    return Pool(kind="AveragePool", kernel=(tall, wide), pads=(above, left, above, left)), (first, second)


def _windows(means: NDArray[Any]) -> tuple[int, int, tuple[int, ...]] | None:
    """Read means as windows of one pool with stride 1: kernel, padding at both ends, and their places."""
    side, cells = means.shape[1], [np.flatnonzero(row) for row in means]
    if any(len(cell) == 0 or cell[-1] - cell[0] + 1 != len(cell) for cell in cells):
        return None
    if any(np.abs(row[cell] * len(cell) - 1).max() > _EXACT for row, cell in zip(means, cells, strict=True)):
        return None
    kernel = max(len(cell) for cell in cells)
    pad = kernel - min(len(cell) for cell in cells)
    starts = [int(cell[-1]) + 1 - kernel if cell[0] == 0 else int(cell[0]) for cell in cells]  # smaller ones at an edge
    seen = [(max(start, 0), min(start + kernel, side)) for start in starts]
    if seen != [(int(cell[0]), int(cell[-1]) + 1) for cell in cells] or 2 * pad > kernel:
        return None
    return kernel, pad, tuple(start + pad for start in starts)

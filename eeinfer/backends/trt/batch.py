"""A batch on its way through the plans: chunks of at most the largest bucket, padded up to a bucket each.

Rows that leave make room: the others move up by an index gather on the device, into smaller buckets where they fit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.backends.base import Exit, Inputs
from eeinfer.backends.cuda.kernels import move_rows
from eeinfer.backends.trt.block import Block
from eeinfer.backends.trt.workspace import Workspace
from eeinfer.bundle.layout import alive


@dataclass(frozen=True)
class Chunk:
    """Rows that run together: the first ``rows`` of a block; the rest of it is padding."""

    block: Block
    rows: int


class Batch:
    """The rows still in. What ``Backend`` calls live tensors, for one caller at a time."""

    def __init__(self, workspace: Workspace, inputs: Inputs) -> None:
        """Take prepared rows to the device."""
        self._workspace, self._cuda = workspace, workspace.cuda
        self._alive = [[tensor.name for tensor in tensors] for tensors in alive(workspace.engines.manifest)]
        self._names = [*inputs]  # tensors that some later segment reads
        self._chunks, start = self._taken(len(next(iter(inputs.values())))), 0
        self._left, self._moving = list[Block](), False
        for chunk in self._chunks:
            for name, memory in chunk.block.inputs.items():
                memory[: chunk.rows] = inputs[name][start : start + chunk.rows]
            chunk.block.take_in(workspace.stream)
            start += chunk.rows

    def run(self, segment: int) -> Exit:
        """Compute a segment for every row; the answers, padding left out, are valid until the next call."""
        for chunk in self._chunks:
            self._workspace.enqueue(segment, chunk.block)
        parts = []
        for chunk in self._chunks:
            chunk.block.wait(segment)
            parts.append([array[: chunk.rows] for array in chunk.block.exits[segment]])
        self._names = self._alive[segment]
        self._dismiss()
        return Exit(*parts[0]) if len(parts) == 1 else Exit(*map(np.concatenate, zip(*parts, strict=True)))

    def compact(self, order: NDArray[Any]) -> None:
        """Let position i hold the row order[i]; rows from behind fill holes, so that none that is read is written."""
        self._fill(self._chunks, order)

    def join(self, other: "Batch", order: NDArray[Any]) -> None:
        """Let position i hold the row order[i] of this batch's and, behind them, the other's, which can end then."""
        self._cuda.synchronize(other._workspace.stream)
        self._fill([*self._chunks, *other._chunks], order)
        self._left = [block for block in self._left if all(block is not chunk.block for chunk in other._chunks)]
        self._cuda.synchronize(self._workspace.stream)

    def _fill(self, sources: list[Chunk], order: NDArray[Any]) -> None:
        if self._moving:  # twice in a row: the first moves are still being read
            self._cuda.synchronize(self._workspace.stream)
        start = 0
        self._chunks = self._taken(len(order), self._chunks)
        for chunk in self._chunks:
            self._gather(sources, np.asarray(order[start : start + chunk.rows]), chunk.block)
            start += chunk.rows
        stay = [chunk.block for chunk in self._chunks]
        self._left += [chunk.block for chunk in sources if chunk.block not in stay]
        self._moving = True

    def ended(self) -> Workspace:
        """Return the workspace once all work is done, with all of its blocks."""
        self._workspace.recall()
        self._chunks, self._left = [], []
        return self._workspace

    def _taken(self, rows: int, there: Sequence[Chunk] = ()) -> list[Chunk]:
        """Take blocks for so many rows: those that are there and of the right size, new ones behind them."""
        buckets, chunks = self._workspace.engines.buckets, list[Chunk]()
        for number, count in enumerate(buckets.chunks(rows)):
            bucket = buckets.bucket(count)
            fits = number < len(there) and there[number].block.rows == bucket
            chunks.append(Chunk(there[number].block if fits else self._workspace.block(bucket), count))
        return chunks

    def _gather(self, sources: list[Chunk], rows: NDArray[np.int64], target: Block) -> None:
        """Fill a block with ``rows``, counted over all sources; those that are in their place are left there."""
        counts, own = [chunk.rows for chunk in sources], np.array([chunk.block is target for chunk in sources])
        if not own.any():  # padding repeats a row, because whatever lies there is computed
            rows = np.concatenate([rows, np.full(target.rows - len(rows), rows[0])])
        ends = np.cumsum(counts)
        owners = np.searchsorted(ends, rows, side="right")
        within = rows - (ends - counts)[owners]
        places = np.flatnonzero(~own[owners] | (within != np.arange(len(rows))))
        places = places[np.argsort(owners[places], kind="stable")]
        owners = owners[places]
        target.moves.pairs[: len(places), 0] = places
        target.moves.pairs[: len(places), 1] = within[places]
        self._cuda.to_device(target.moves.address, target.moves.memory, self._workspace.stream)
        first = 0
        for source, count in zip(sources, np.bincount(owners, minlength=len(sources)).tolist(), strict=True):
            if count:
                self._move(source.block, target, first, count)
            first += count

    def _move(self, source: Block, target: Block, first: int, count: int) -> None:
        """Put the moves of all tensors from one block to another into the stream."""
        moves = target.moves.address + first * target.moves.pairs.strides[0]
        for name in self._names:
            to, fro, size = target.addresses[name], source.addresses[name], target.row_bytes[name]
            stream = self._workspace.stream
            move_rows(self._cuda, stream, target=to, source=fro, moves=moves, count=count, row_bytes=size)

    def _dismiss(self) -> None:
        """Give back the blocks whose rows have moved, now that the moves are done."""
        for block in self._left:
            self._workspace.give_back(block)
        self._left, self._moving = [], False

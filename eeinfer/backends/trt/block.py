"""The memory of one bucket: every tensor that crosses a border, on the device, and its way in and out.

Segments answer one after the other, so that the answers of all exits share one place on the device. On the host each
exit has a place of its own: a copy for exit k + 1 may be under way while somebody reads exit k.
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from eeinfer.backends.base import Exit
from eeinfer.backends.cuda.api import Pinned, Stream
from eeinfer.backends.cuda.holdings import Holdings, packed
from eeinfer.backends.trt.engines import Engines
from eeinfer.bundle.layout import bytes_per_sample

# Beside the answers, where the device decides: whose answers they are, and all scores. No tensors have these names.
EXIT_NUMBER, SCORES = "<exit>", "<scores>"


class Block:
    """Room for ``rows`` rows."""

    def __init__(self, engines: Engines, rows: int) -> None:
        self.rows, self.cuda, self._exit_specs = rows, engines.cuda, engines.exit_specs
        self.holdings = Holdings(self.cuda)
        manifest, given = engines.manifest, [input.tensor for input in engines.manifest.inputs]
        tensors = (*given, *(spec for segment in manifest.segments for spec in segment.carried))
        self.row_bytes = {spec.name: bytes_per_sample(spec) for spec in tensors}
        parts = {spec.name: rows * bytes_per_sample(spec) for spec in self._exit_specs}
        parts |= {EXIT_NUMBER: 4, SCORES: 4 * len(manifest.segments)}
        self._places, self._exit_bytes = packed(parts)
        self.answers = self.holdings.malloc(self._exit_bytes)
        offsets, size = packed({name: rows * count for name, count in self.row_bytes.items()})
        base = self.holdings.malloc(size)
        self.addresses = {name: base + offset for name, offset in offsets.items()}
        self.addresses |= {name: self.answers + offset for name, offset in self._places.items()}
        self._input_memory = {spec.name: self.holdings.pinned(rows * self.row_bytes[spec.name]) for spec in given}
        self.inputs = {  # where the host writes prepared rows [rows, *shape]
            spec.name: self._input_memory[spec.name].view(spec.dtype).reshape(rows, *spec.sizes()) for spec in given
        }
        self._answer_memory = [self.answer_memory() for _ in manifest.segments]
        self.exits = tuple(self.exit(memory) for memory in self._answer_memory)
        self._arrived = [self.holdings.event() for _ in manifest.segments]

    def answer_memory(self) -> Pinned:
        """Return pinned memory for the answers of one exit."""
        return self.holdings.pinned(self._exit_bytes)

    def exit(self, memory: Pinned) -> Exit:
        """Return the answers in pinned memory as arrays, without a copy."""
        arrays = []
        for spec in self._exit_specs:
            start, size = self._places[spec.name], self.rows * bytes_per_sample(spec)
            arrays.append(memory[start : start + size].view(spec.dtype).reshape(self.rows, *spec.shape))
        return Exit(*arrays)

    def verdict(self, memory: Pinned) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Return what the device decided, beside pinned answers: the exit [1] and the scores [E], without a copy."""
        exit, scores = self._places[EXIT_NUMBER], self._places[SCORES]
        return memory[exit : exit + 4].view(np.int32), memory[scores : scores + 4 * len(self.exits)].view(np.float32)

    def take_in(self, stream: Stream) -> None:
        """Put the copy of the inputs to the device into ``stream``."""
        for name, memory in self._input_memory.items():
            self.cuda.to_device(self.addresses[name], memory, stream)

    def bring_back(self, segment: int, stream: Stream) -> None:
        """Put the copy of an exit's answers to the host into ``stream``."""
        self.cuda.to_host(self._answer_memory[segment], self.answers, stream)

    def mark(self, segment: int, stream: Stream) -> None:
        """Mark the moment when an exit's answers are there."""
        self.cuda.record(self._arrived[segment], stream)

    def wait(self, segment: int) -> None:
        """Wait for the exit's latest mark; what was put into the stream behind it may go on."""
        self.cuda.wait(self._arrived[segment])

    def put(self, segment: int, memory: Pinned) -> None:
        """Let an exit's place on the host hold answers that came another way."""
        self._answer_memory[segment][:] = memory

    @cached_property
    def moves(self) -> "Moves":
        """Which rows to move here; made when first needed, lanes never do."""
        return Moves(self.holdings, self.rows)


class Moves:
    """Row numbers for ``eeinfer.backends.cuda.kernels.move_rows``: int32 [rows, 2] on both sides."""

    def __init__(self, holdings: Holdings, rows: int) -> None:
        self.memory = holdings.pinned(rows * 8)
        self.pairs = self.memory.view(np.int32).reshape(rows, 2)
        self.address = holdings.malloc(rows * 8)

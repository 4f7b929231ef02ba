"""What backends that compute in the host's memory have in common: batches, lanes, and when rows are taken out."""

from functools import lru_cache
from typing import Any

from numpy.typing import NDArray

from eeinfer.backends.base import Exit, Inputs, Live
from eeinfer.backends.row_costs import RowCosts
from eeinfer.backends.rows import Bind, HostLane, HostRows
from eeinfer.bundle.manifest import Manifest

_KNOWN_CASES = 4096  # answers of `worth_compacting` that are remembered
_KEPT_BYTES = 1 << 26  # larger buffers are not kept for the next batch


class HostBackend:
    """The segments of one bundle over whatever binds them to memory; most of ``eeinfer.backends.base.Backend``."""

    level = device_ms = open_graph = loop = None  # the host computes, and eeinfer.steps decides

    def __init__(
        self, manifest: Manifest, costs: RowCosts, *, one: Bind, many: Bind, tried: HostLane | None = None
    ) -> None:
        """Take what runs.

        Args:
            manifest: of the segments as they run.
            costs: decides when rows that left are taken out of a batch.
            one: binds a segment for a single row.
            many: binds a segment for batches.
            tried: a lane in which every segment has run; None: none has.
        """
        self.warm = tried is not None
        self._tried = [] if tried is None else [tried]
        self._manifest, self._bind_one, self._bind_many = manifest, one, many
        self._worth_compacting = lru_cache(_KNOWN_CASES)(costs.worth_compacting)
        self._idle: list[HostRows] = []

    def new_lane(self) -> HostLane:
        try:
            return self._tried.pop()
        except IndexError:
            return HostLane(self._bind_one, self._manifest)

    def start(self, inputs: Inputs) -> Live:
        """Take a batch into buffers that a call before has left, or into new ones; ``inputs`` are read in place."""
        rows = self._room(len(next(iter(inputs.values()))))
        rows.load(inputs)
        return rows

    def run(self, segment: int, live: Live) -> Exit:
        exit: Exit = live.run(segment)
        return exit

    def worth_compacting(self, segment: int, rows: int, stays: int) -> bool:
        return self._worth_compacting(segment, rows, stays)

    def compact(self, live: Live, order: NDArray[Any]) -> Live:
        """Move the last rows into the holes."""
        live.take([live], order)
        return live

    def join(self, live: Live, other: Live, order: NDArray[Any]) -> Live:
        """Copy the rows of the other batch to where there is room for both."""
        joined = live if len(order) <= live.capacity else self._room(len(order))
        joined.take([live, other], order)
        self.release(other)
        if joined is not live:
            self.release(live)
        return joined

    def release(self, live: Live) -> None:
        """Keep the buffers for the next batch, unless they are large."""
        if live.bytes <= _KEPT_BYTES:
            self._idle.append(live)

    def _room(self, count: int) -> HostRows:
        try:
            rows = self._idle.pop()
        except IndexError:
            rows = None
        if rows is None or rows.capacity < count:
            rows = HostRows(self._bind_many, self._manifest, count)
        return rows

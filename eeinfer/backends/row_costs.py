"""Taking rows out of a batch without moving those that stay, and whether that saves time."""

from collections.abc import Sequence
from dataclasses import dataclass

_ROW_FLOPS_PER_MS = 50e6  # what one thread computes, as AVX-512 convolutions reach; `eeinfer tune` measures it
_CALL_MS = 0.02  # what a segment takes beyond its arithmetic
_MOVE_MS = 0.01  # what a compaction takes beyond its copies
_BYTES_PER_MS = 4e6  # how fast rows are copied


def compacted(rows: Sequence[int], stays: int) -> list[int]:
    """Return the order in which the ``stays`` rows that are not -1 go on: the last ones fill the holes of the others.

    Half of the rows are moved at most, and where row i stays in front, it keeps its place.
    """
    fillers = (i for i in range(stays, len(rows)) if rows[i] >= 0)
    return [i if rows[i] >= 0 else next(fillers) for i in range(stays)]


@dataclass(frozen=True, kw_only=True)
class RowCosts:
    """What decides whether rows that left are taken out: the time of every segment at some batch sizes."""

    sizes: tuple[int, ...]  # batch sizes, ascending
    segment_ms: tuple[tuple[float, ...], ...]  # time of every segment, at each of the sizes
    alive_bytes: tuple[int, ...]  # what one row keeps in front of every segment, and what moving it copies
    move_ms: float = _MOVE_MS
    bytes_per_ms: float = _BYTES_PER_MS

    @classmethod
    def estimated(cls, flops: Sequence[int], alive_bytes: Sequence[int], *, threads: int) -> "RowCosts":
        """Guess from the FLOPs of the segments."""
        rows = [cost / (_ROW_FLOPS_PER_MS * threads) for cost in flops]
        return cls(
            sizes=(1, 2),
            segment_ms=tuple((_CALL_MS + row, _CALL_MS + 2 * row) for row in rows),
            alive_bytes=tuple(alive_bytes),
        )

    def worth_compacting(self, segment: int, rows: int, stays: int) -> bool:
        """Whether ``segment`` with ``stays`` rows and the copies before it cost less than with all ``rows``."""
        moved = min(rows - stays, stays) * self.alive_bytes[segment]
        return self.ms(segment, stays) + self.move_ms + moved / self.bytes_per_ms < self.ms(segment, rows)

    def ms(self, segment: int, rows: int) -> float:
        """Return the time of ``segment`` with ``rows`` rows, in a straight line between and beyond the known sizes."""
        sizes, times = self.sizes, self.segment_ms[segment]
        if len(sizes) == 1:
            return times[0] * rows / sizes[0]
        at = next((i for i in range(1, len(sizes) - 1) if rows <= sizes[i]), len(sizes) - 1)
        slope = (times[at] - times[at - 1]) / (sizes[at] - sizes[at - 1])
        return times[at] + slope * (rows - sizes[at])

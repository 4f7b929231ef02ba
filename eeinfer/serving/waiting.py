"""The queue in front of a later segment: parts of batches that survived the segment before."""

from dataclasses import dataclass

from eeinfer.serving.request import Row
from eeinfer.steps import Batch


@dataclass(slots=True, eq=False)
class Part:
    """Rows that lie in the backend's memory together."""

    batch: Batch
    rows: dict[int, Row]  # by their number in the batch: those who are still in

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def rank(self) -> tuple[int, float]:
        """Of the row that goes first."""
        return min(row.rank for row in self.rows.values())

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of its rows' inputs; parts of other shapes cannot be joined."""
        return next(iter(self.rows.values())).request.shapes


class Waiting:
    """Parts in front of one segment. For one thread at a time."""

    def __init__(self) -> None:
        self.parts: list[Part] = []

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def rows(self) -> list[Row]:
        """Return all rows."""
        return [row for part in self.parts for row in part.rows.values()]

    def take(self, most: int) -> list[Part]:
        """Take the part that goes first, and more of its shapes while ``most`` rows are not exceeded."""
        first, *others = sorted(self.parts, key=lambda part: part.rank)
        taken, count = [first], len(first)
        for part in others:
            if part.shapes == first.shapes and count + len(part) <= most:
                taken.append(part)
                count += len(part)
        self.parts = [part for part in self.parts if part not in taken]
        return taken

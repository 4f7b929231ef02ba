"""The queue in front of a later segment: parts of batches that survived the segment before."""

import math
from dataclasses import dataclass

from eeinfer.serving.request import Row
from eeinfer.steps import Batch


@dataclass(slots=True, eq=False)
class Part:
    """Rows that lie in the backend's memory together."""

    batch: Batch
    rows: dict[int, Row]  # by their number in the batch: those who are still in
    since: float = 0.0  # when they began to wait where they wait
    deadline: float = math.inf  # the earliest of theirs
    rank: tuple[int, float] = (0, 0.0)  # of the row that goes first

    def __len__(self) -> int:
        return len(self.rows)

    def wait(self, since: float) -> None:
        """Begin to wait: note once what every later turn looks at."""
        self.since = since
        self.deadline = min([row.request.deadline for row in self.rows.values()])
        self.rank = min([row.rank for row in self.rows.values()])

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of its rows' inputs; parts of other shapes cannot be joined."""
        return next(iter(self.rows.values())).request.shapes


class Waiting:
    """Parts in front of one segment, in the order in which they came. For one thread at a time."""

    def __init__(self) -> None:
        self.parts: list[Part] = []

    def __len__(self) -> int:
        return sum([len(part.rows) for part in self.parts])

    def take(self, most: int) -> list[Part]:
        """Take the part that goes first, and more of its shapes while ``most`` rows are not exceeded."""
        first = min(self.parts, key=lambda part: part.rank)
        taken, count, left = [first], len(first), []
        for part in sorted(self.parts, key=lambda part: part.rank):
            if part is first:
                continue
            if count + len(part) <= most and part.shapes == first.shapes:
                taken.append(part)
                count += len(part)
            else:
                left.append(part)
        self.parts = sorted(left, key=lambda part: part.since)
        return taken

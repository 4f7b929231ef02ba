"""The queues in front of all segments, and what is known of each when the next one is chosen."""

from collections.abc import Iterable

from eeinfer.backends.row_costs import RowCosts
from eeinfer.serving.choice import Standing
from eeinfer.serving.entrance import Entrance
from eeinfer.serving.request import Row
from eeinfer.serving.waiting import Part, Waiting

_MOST_UNDER_WAY = 4  # full batches per segment whose rows may lie in the backend's memory


class Queues:
    """The entrance and what waits behind it. The entrance is for whoever holds the lock, the rest for one thread."""

    def __init__(self, costs: RowCosts, full: tuple[int, ...]) -> None:
        """Begin empty; ``full`` are the rows of a full batch of every segment."""
        self.entrance, self.later = Entrance(), [Waiting() for _ in full]  # the first of them stays empty
        self._costs, self._full = costs, full
        self._room = _MOST_UNDER_WAY * sum(full)

    def __len__(self) -> int:
        return len(self.entrance) + sum(map(len, self.later))

    def standing(self) -> list[Standing]:
        """Describe every queue that may be run."""
        found = [self._of(k, len(queue), queue.rows()) for k, queue in enumerate(self.later) if queue.parts]
        if len(self.entrance) and sum(queue.rows for queue in found) < self._room:
            found.append(self._of(0, len(self.entrance), self.entrance.heads()))
        return found

    def take_late(self, now: float) -> list[tuple[Part, dict[int, Row]]]:
        """Take rows out that would miss their deadline even alone, and those nobody waits for, with their part."""
        found = []
        for k, queue in enumerate(self.later):
            for part in queue.parts:
                ends = now + self._costs.ms(k, 1) / 1e3
                late = {
                    n: row for n, row in part.rows.items() if row.over or (row.held and row.request.deadline < ends)
                }
                if late:
                    part.rows = {n: row for n, row in part.rows.items() if n not in late}
                    found.append((part, late))
            queue.parts = [part for part in queue.parts if part.rows]
        return found

    def take_all(self) -> list[Row]:
        """Empty every queue, where nothing can go on."""
        rows = self.entrance.take_all()
        for queue in self.later:
            rows += queue.rows()
            queue.parts = []
        return rows

    def _of(self, k: int, count: int, rows: Iterable[Row]) -> Standing:
        known, ms = list(rows), self._costs.ms(k, min(count, self._full[k]))
        return Standing(
            k=k,
            rows=count,
            full=self._full[k],
            first=min(known, key=lambda row: row.rank),
            since=min(row.since for row in known),
            deadline=min(row.request.deadline for row in known),
            ms=ms,
            all_ms=ms + sum(self._costs.ms(later, 1) for later in range(k + 1, len(self._full))),
        )

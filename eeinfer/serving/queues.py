"""The queues in front of all segments, and what is known of each when the next one is chosen."""

from operator import attrgetter

from eeinfer.backends.row_costs import RowCosts
from eeinfer.serving.choice import Standing
from eeinfer.serving.entrance import Entrance
from eeinfer.serving.request import Row
from eeinfer.serving.waiting import Part, Waiting

_PARTS = attrgetter("parts")
_MOST_UNDER_WAY = 4  # full batches per segment whose rows may lie in the backend's memory


class Queues:
    """The entrance and what waits behind it. The entrance is for whoever holds the lock, the rest for one thread."""

    def __init__(self, costs: RowCosts, full: tuple[int, ...]) -> None:
        """Begin empty; ``full`` are the rows of a full batch of every segment."""
        self.entrance, self.later = Entrance(), [Waiting() for _ in full]  # the first of them stays empty
        self._full = full
        self._ms = [[costs.ms(k, rows) for rows in range(most + 1)] for k, most in enumerate(full)]  # looked up often
        self._rest_ms = [sum(times[1] for times in self._ms[k + 1 :]) for k in range(len(full))]  # of one row
        self._room = _MOST_UNDER_WAY * sum(full)

    def __len__(self) -> int:
        return len(self.entrance) + sum(map(len, self.later))

    @property
    def empty(self) -> bool:
        """Whether no row waits, looked at from any thread."""
        return not (len(self.entrance) or any(map(_PARTS, self.later)))

    def standing(self) -> list[Standing]:
        """Describe every queue that may be run."""
        found = [self._later(k, queue) for k, queue in enumerate(self.later) if queue.parts]
        if len(self.entrance) and sum([queue.rows for queue in found]) < self._room:
            found.append(self._entrance())
        return found

    def take_late(self, now: float, *, given_up: bool) -> list[tuple[Part, dict[int, Row]]]:
        """Take rows out that would miss their deadline even alone, with their part.

        Args:
            now: on the scheduler's clock, in seconds.
            given_up: whether a caller may have given up since the last time: such rows are taken out too.
        """
        found = []
        for k, queue in enumerate(self.later):
            ends = now + self._ms[k][1] / 1e3
            changed = False
            for part in queue.parts:
                if given_up or part.deadline < ends:
                    late = {n: row for n, row in part.rows.items() if row.over or row.is_late(ends)}
                    if late:
                        part.rows = {n: row for n, row in part.rows.items() if n not in late}
                        found.append((part, late))
                        changed = True
            if changed:
                queue.parts = [part for part in queue.parts if part.rows]
        return found

    def clear(self) -> None:
        """Empty every queue, where nothing can go on."""
        self.entrance.clear()
        for queue in self.later:
            queue.parts = []

    def _later(self, k: int, queue: Waiting) -> Standing:
        parts, rows = queue.parts, len(queue)
        return self._of(
            k, rows, min([part.rank for part in parts]), parts[0].since, min([part.deadline for part in parts])
        )

    def _entrance(self) -> Standing:
        heads = [row.request for row in self.entrance.heads()]
        arrived, deadline = min([head.arrived for head in heads]), min([head.deadline for head in heads])
        return self._of(0, len(self.entrance), min([head.rank for head in heads]), arrived, deadline)

    def _of(self, k: int, rows: int, rank: tuple[int, float], since: float, deadline: float) -> Standing:
        ms = self._ms[k][min(rows, self._full[k])]
        return Standing(
            k=k,
            rows=rows,
            full=self._full[k],
            rank=rank,
            since=since,
            deadline=deadline,
            ms=ms,
            all_ms=ms + self._rest_ms[k],
        )

"""Which queue is worth most now. A machine with work never idles: company gathers while it computes.

1. The earliest deadline, where the last exit would come too late if something else ran first.
2. Queues that are full, or where a row has waited long enough: the most important request first, then the oldest.
3. Else the queue whose batch is nearest to full, the deepest of those.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a queue that is not empty."""

    k: int
    rows: int
    full: int  # rows from which on more company saves hardly anything
    rank: tuple[int, float]  # of the row that goes first
    since: float  # when the row that waits longest here began to
    deadline: float  # the earliest of its rows
    ms: float  # what running it now takes
    all_ms: float  # what it takes until the last exit


def chosen(queues: Sequence[Standing], now: float, max_wait_ms: float) -> Standing:
    """Return the queue to run. Times are in seconds of the scheduler's clock."""
    longest = max(queue.ms for queue in queues) / 1e3
    urgent = [queue for queue in queues if queue.deadline - queue.all_ms / 1e3 - now < longest]
    if urgent:
        return min(urgent, key=lambda queue: (queue.deadline, -queue.k))
    ready = [queue for queue in queues if queue.rows >= queue.full or now - queue.since >= max_wait_ms / 1e3]
    if ready:
        return min(ready, key=lambda queue: (queue.rank, -queue.k))
    return max(queues, key=lambda queue: (queue.rows / queue.full, queue.k))

"""Energy per image: the GPU's own counter over windows long enough for its coarse steps."""

import time
from collections.abc import Callable

from eeinfer.bench.reporting.records import Record
from eeinfer.bench.timing.clock import Call

_NAP_SECONDS = 0.1
Counter = Callable[[], int | None]  # millijoules so far; None where the GPU does not count


class Energy(Record, frozen=True, kw_only=True):
    """What the whole GPU took, whoever else used it meanwhile."""

    seconds: float  # of each window
    idle_watts: float  # with the bundle loaded and nothing to do; not taken off the others
    static_mj: float  # millijoules per image: the static network
    cascade_mj: float  # the cascade at the headline threshold


def measure_energy(
    counter: Counter, static: Call, cascade: Call, *, batches: int, batch: int, seconds: float
) -> Energy | None:
    """Measure three windows: idle, the static network, the cascade, each over all batches in turn.

    Args:
        counter: the GPU's.
        static: runs the network on the batch at a position.
        cascade: runs the cascade on it.
        batches: how many there are.
        batch: images in each.
        seconds: of each window; the counter's steps are tens of milliseconds, so give several seconds.

    Returns:
        None where the GPU does not count.
    """
    if counter() is None:
        return None
    idle_mj, spent, _ = _window(counter, lambda _: time.sleep(min(seconds, _NAP_SECONDS)), 1, seconds)
    static_mj, _, static_calls = _window(counter, static, batches, seconds)
    cascade_mj, _, cascade_calls = _window(counter, cascade, batches, seconds)
    return Energy(
        seconds=seconds,
        idle_watts=idle_mj / 1e3 / spent,
        static_mj=static_mj / static_calls / batch,
        cascade_mj=cascade_mj / cascade_calls / batch,
    )


def _window(counter: Counter, call: Call, batches: int, seconds: float) -> tuple[int, float, int]:
    """Return the millijoules, the seconds and the calls of one window."""
    call(0)
    before, begin, calls = counter() or 0, time.perf_counter(), 0
    while (spent := time.perf_counter() - begin) < seconds or not calls:
        call(calls % batches)
        calls += 1
    return (counter() or 0) - before, spent, calls

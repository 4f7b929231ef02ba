"""How long a phase will take, told once, from its first batches."""

import time

from eeinfer.progress import Progress

_BATCHES, _SECONDS = 5, 2.0  # fewer or shorter say little: the first batches of a process are slow


class Estimate:
    """Hands the batches that are done on to `progress`, and tells once how long all of them may take.

    Args:
        progress: who is told.
        doing: what the phase is called.
        planned: batches of the phase, if it is not stopped early.
    """

    def __init__(self, progress: Progress, doing: str, planned: int) -> None:
        self.progress, self.doing, self.planned = progress, doing, planned
        self.begun: tuple[int, float] | None = None  # batches, seconds, behind the first batch of this process
        self.told = False

    def __call__(self, done: int) -> None:
        """Hear that `done` batches of the phase are over."""
        self.progress(self.doing, done, self.planned)
        if self.begun is None:
            self.begun = (done, time.perf_counter())
        batches, seconds = done - self.begun[0], time.perf_counter() - self.begun[1]
        if not self.told and batches >= _BATCHES and seconds >= _SECONDS:
            self.told = True
            left = seconds / batches * (self.planned - done)
            self.progress(f"{self.doing} will take about {duration(left)} more, if it is not stopped early")


def duration(seconds: float) -> str:
    """Return seconds as people say them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"

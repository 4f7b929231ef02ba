"""Waiting until a process really sleeps: thread pools go on spinning for a while after their work is done."""

from pathlib import Path
from time import perf_counter, sleep

_MOST_SECONDS = 1.0
_STEP_SECONDS = 0.005
_STEPS_ASLEEP = 3  # looks in a row: a spinning thread yields now and then


def settle(pid: int, pause_seconds: float) -> bool:
    """Wait ``pause_seconds``, and then on until all threads of the process sleep, a second at most.

    Returns:
        Whether they do; True where the system does not tell.
    """
    sleep(pause_seconds)
    end, asleep = perf_counter() + _MOST_SECONDS, 0
    while asleep < _STEPS_ASLEEP:
        running = _running(pid)
        asleep = 0 if running else asleep + 1
        if running is None:
            return True
        if perf_counter() > end:
            return False
        sleep(_STEP_SECONDS)
    return True


def _running(pid: int) -> bool | None:
    """Whether some thread runs or wants to; None where that is not to be known."""
    try:
        return any(_state(path) == "R" for path in Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return None


def _state(task: Path) -> str:
    try:
        return (task / "stat").read_text().rpartition(")")[2].split()[0]
    except OSError:  # the thread has ended meanwhile
        return "X"

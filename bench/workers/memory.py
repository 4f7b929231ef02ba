"""How much memory this process has used at most; Linux says, and lets the mark be set back."""

import sys
from pathlib import Path

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_FORGET_PEAK = "5"


class PeakMemory:
    """Two peaks: since the process began, and since `mark`, over what it held then. Megabytes."""

    def __init__(self) -> None:
        self._before_mark = 0.0
        self._held: float | None = None

    def mark(self) -> None:
        """From here on the increase counts."""
        self._before_mark = peak_mb()
        try:
            _CLEAR.write_text(_FORGET_PEAK)
            self._held = _status_mb("VmRSS")
        except OSError:  # another system, or not allowed
            self._held = None

    def read(self) -> tuple[float, float | None]:
        """Return the peak since the process began, and by how much memory grew since the mark, at most."""
        now = peak_mb()
        return max(self._before_mark, now), None if self._held is None else max(0.0, now - self._held)


def peak_mb() -> float:
    """The most resident memory since the process began or the mark was set back."""
    try:
        return _status_mb("VmHWM")
    except OSError:
        return _rusage_mb()


def _status_mb(name: str) -> float:
    for line in _STATUS.read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError(f"{_STATUS} has no {name}")


def _rusage_mb() -> float:
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6

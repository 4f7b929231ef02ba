"""When requests arrive: drawn before the run, so that a slow server does not slow them down."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.errors import ConfigError, DataError

POISSON, BURSTS = KINDS = ("poisson", "bursts")
_BURST = 16  # requests that come together


def arrivals(kind: str, rate: float, seconds: float, seed: int) -> NDArray[Any]:
    """Return the times [N] of requests, ascending, in seconds from the begin.

    Args:
        kind: one of KINDS, or the path of a trace: a text file with a time in seconds per line, which is stretched so
            that its mean rate is ``rate`` and repeated until ``seconds`` are full.
        rate: requests per second, in the mean.
        seconds: how long they come.
        seed: of what is drawn.

    Raises:
        ConfigError: the rate or the seconds are not above 0.
        DataError: the trace cannot be read.
    """
    if not (0 < rate < np.inf and 0 < seconds < np.inf):
        raise ConfigError(f"the rate is {rate} and the seconds are {seconds}; both have to be above 0")
    rng = np.random.default_rng(seed)
    if kind not in KINDS:
        return _traced(Path(kind), rate, seconds)
    together = _BURST if kind == BURSTS else 1
    count = rng.poisson(rate / together * seconds)
    return np.repeat(np.sort(rng.uniform(0, seconds, count)), together)


def _traced(path: Path, rate: float, seconds: float) -> NDArray[Any]:
    try:
        times = np.sort(np.loadtxt(path, ndmin=1))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is no trace: {error}; give a text file with a time in seconds per line") from error
    if len(times) < 2 or not np.isfinite(times).all() or times[-1] == times[0]:
        raise DataError(f"{path} is no trace: it takes two different times or more")
    gaps = np.diff(times) * (len(times) - 1) / rate / (times[-1] - times[0])
    rounds = int(np.ceil(rate * seconds / len(gaps))) + 1
    found = np.cumsum(np.tile(gaps, rounds))
    return np.asarray(found[found < seconds])

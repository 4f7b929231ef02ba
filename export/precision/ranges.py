"""Calibration: what values a tensor takes on real images, and the range that eight bits should span.

A histogram per tensor is filled in one pass over the images; a range is then chosen from it. Cutting off rare large
values costs those few and makes the steps finer for all others.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.errors import ConfigError, ExportError, did_you_mean

BINS = 8192  # over [-reach, reach]: at least eight of them to one of 256 levels, even where only one side is used
LEVELS = 255  # steps between the 256 values of a byte
_TAILS = (0.0, *np.geomspace(1e-6, 1e-2, 13).tolist())  # shares of values cut off on each side that mse tries
_PERCENTILE_TAIL = 1e-5  # on each side
_SAMPLE = 1 << 18  # values counted at a time; more would take longer than the network
_MAX_ROWS = 32
_MAX_BYTES = 1 << 26  # of observed tensors at a time

Array = NDArray[Any]
Range = tuple[float, float]
Observe = Callable[[Array], Sequence[Array]]  # a batch [B, ...] to the tensors under observation


@dataclass
class Histogram:
    """How often a tensor takes which value, its extremes exactly. The reach doubles whenever a value lies beyond it."""

    reach: float = 2.0**-20
    low: float = 0.0  # zero always belongs to the range: padding and ReLU must be exact
    high: float = 0.0
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS, np.int64))

    def add(self, values: Array) -> None:
        """Count `values` of any shape, of very many some.

        Raises:
            ExportError: one of them is not finite.
        """
        flat = values.reshape(-1)
        low, high = float(flat.min()), float(flat.max())
        if not np.isfinite([low, high]).all():
            raise ExportError("the network computes NaN or infinity on a calibration image; look at its activations")
        self.low, self.high = min(self.low, low), max(self.high, high)
        while self.reach < max(-low, high):
            self._widen()
        flat = flat if flat.size <= _SAMPLE else flat[np.random.default_rng(flat.size).integers(0, flat.size, _SAMPLE)]
        places = ((flat + np.float32(self.reach)) * np.float32(BINS / 2 / self.reach)).astype(np.int32)
        self.counts += np.bincount(np.minimum(places, BINS - 1), minlength=BINS)

    def _widen(self) -> None:
        pairs = self.counts.reshape(-1, 2).sum(1)
        self.counts[:] = 0
        self.counts[BINS // 4 : BINS // 4 + len(pairs)] = pairs
        self.reach *= 2

    @property
    def centres(self) -> NDArray[np.float64]:
        """The middle of every bin."""
        places = np.arange(BINS, dtype=np.float64)
        return (places + 0.5) * (2 * self.reach / BINS) - self.reach

    def without_tails(self, tail: float) -> Range:
        """Return the range that leaves out the share `tail` of the values on each side, zero included."""
        if tail == 0:
            return self.low, self.high
        share = np.cumsum(self.counts) / self.counts.sum()
        edges = np.linspace(-self.reach, self.reach, BINS + 1)
        first, last = np.searchsorted(share, [tail, 1 - tail])
        return min(0.0, max(self.low, edges[first])), max(0.0, min(self.high, edges[min(last, BINS - 1) + 1]))

    def squared_error(self, span: Range) -> float:
        """Return the mean squared error of storing these values in a byte that spans `span`."""
        low, high = span
        if high <= low:
            return 0.0
        step = (high - low) / LEVELS
        stored = np.clip(np.round((self.centres - low) / step), 0, LEVELS) * step + low
        return float((self.counts * (stored - self.centres) ** 2).sum() / self.counts.sum())


def _minmax(seen: Histogram) -> Range:
    return seen.without_tails(0)


def _percentile(seen: Histogram) -> Range:
    return seen.without_tails(_PERCENTILE_TAIL)


def _mse(seen: Histogram) -> Range:
    return min((seen.without_tails(tail) for tail in _TAILS), key=seen.squared_error)


RANGES: dict[str, Callable[[Histogram], Range]] = {"mse": _mse, "percentile": _percentile, "minmax": _minmax}


def range_rule(name: str) -> Callable[[Histogram], Range]:
    """Look up how ranges are chosen: ``mse``, ``percentile`` or ``minmax``.

    Raises:
        ConfigError: the name is not in the table.
    """
    if name not in RANGES:
        raise ConfigError(
            f"calibration {name!r} is not known; {did_you_mean(name, RANGES)}choose one of {', '.join(RANGES)}"
        )
    return RANGES[name]


def observe(run: Observe, batches: Iterable[Array], names: Sequence[str], rule: str) -> dict[str, Range]:
    """Return the range of each observed tensor.

    Args:
        run: gives the values of the tensors `names` for a batch.
        batches: prepared calibration images, [B, ...] each.
        names: the tensors, in the order in which `run` returns them.
        rule: a name of RANGES.

    Raises:
        ExportError: a value is not finite.
    """
    choose = range_rule(rule)
    seen = [Histogram() for _ in names]
    for batch in batches:
        for histogram, values in zip(seen, run(batch), strict=True):
            histogram.add(values)
    return {name: choose(histogram) for name, histogram in zip(names, seen, strict=True)}


def rows_at_a_time(bytes_per_row: int) -> int:
    """How many images to observe at once, so that memory stays bounded."""
    return max(1, min(_MAX_ROWS, _MAX_BYTES // max(1, bytes_per_row)))

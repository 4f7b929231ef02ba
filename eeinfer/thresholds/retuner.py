"""Thresholds that follow a stream: a promise against the full network kept in the long run, whatever the stream does.

Online conformal risk control: after every row that was looked at, one number moves, up by its loss and down by what
may be lost. Gibbs and Candes, "Adaptive conformal inference under distribution shift" (NeurIPS 2021), Feldman et al.,
"Achieving risk control in online learning settings" (TMLR 2023) with a constant step; Angelopoulos, Barber and Bates,
"Online conformal prediction with decaying step sizes" (ICML 2024) with a falling one.
"""

import math
from collections.abc import Sequence
from threading import Lock

import numpy as np

from eeinfer.errors import InputError
from eeinfer.numbers import is_number, is_whole
from eeinfer.rule import as_given, as_limits

REACH = 10.0  # doublings of the distance from 1 that thresholds go either way; beyond the safe end nobody leaves early


class Retuner:
    """Thresholds that give way where too much is lost and return where little is. Threads may share one.

    Its position u starts at 0 and moves along ``1 - tau = (1 - start) / 2**u``: one step of 1 halves the distance of
    every threshold from 1. At ``REACH`` nobody leaves early, and then nothing is lost against the full network. So of
    T rows that were looked at, the mean loss is never above ``bound``, which nears the promise as T grows: for any
    stream, any order, any drift. The rows to look at have to be drawn without regard to what they are, which `looks`
    does; then the promise is as good for the rest, up to chance.

    Example:
        >>> retuner = eeinfer.Retuner(engine.tau, consistency=0.99, share=0.05)
        >>> answer = engine(image, tau=retuner.tau)
        >>> if retuner.looks():
        ...     retuner.saw(answer.predictions[0], engine(image, tau=1.0).predictions[0])
    """

    def __init__(
        self,
        taus: Sequence[float],
        *,
        max_loss: float | None = None,
        consistency: float | None = None,
        share: float = 0.1,
        step: float = 0.5,
        decay: float = 0.0,
        seed: int = 0,
    ) -> None:
        """Begin at thresholds that are good as far as is known: those of a certificate, for one.

        Args:
            taus: one per exit, as ``engine.tau``; those that are 1 stay.
            max_loss: share of rows by which accuracy may be below the full network's; `saw` needs labels.
            consistency: share of rows answered as the full network does, at least.
            share: of the rows that `looks` draws.
            step: how far one loss of 1 moves the position. Larger ones follow a drift sooner and tremble more.
            decay: from 0 (a constant step) to below 1: the T-th step is ``step / T**decay``. It suits a stream that
                does not change; a drift is then followed more slowly the later it comes.
            seed: of the draws.

        Raises:
            InputError: not exactly one promise, or a setting outside its range.
        """
        promises = {"max_loss": max_loss, "consistency": consistency}
        given = {name: value for name, value in promises.items() if value is not None}
        if len(given) != 1:
            raise InputError(
                f"a retuner keeps max_loss or consistency, and got {' and '.join(given) or 'none'}; give exactly one "
                "(other promises may be broken by the full network too, and then no threshold keeps them)"
            )
        [(self._kind, value)] = given.items()
        _check(self._kind, value, share, step, decay, seed)
        if np.ndim(taus) != 1 or len(taus) < 2:
            raise InputError(f"taus is {taus}; give one threshold per exit, two or more, such as engine.tau")
        self._far = 1 - np.array(as_given(as_limits(taus, len(taus))), np.float64)
        self.limit = value if self._kind == "max_loss" else 1 - value  # of the mean loss
        self._share, self._step, self._decay = share, step, decay
        self._random, self._lock = np.random.default_rng(seed), Lock()
        self._position, self._looked, self._lost = 0.0, 0, 0
        self._tau = self._taus()

    @property
    def tau(self) -> tuple[float, ...]:
        """The thresholds for the next row, one per exit."""
        return self._tau

    @property
    def looked(self) -> int:
        """How many rows were looked at."""
        return self._looked

    @property
    def loss(self) -> float:
        """Mean loss of the rows that were looked at; NaN before the first."""
        return self._lost / self._looked if self._looked else math.nan

    @property
    def bound(self) -> float:
        """What `loss` cannot be above, whatever the stream was; infinite before the first row.

        It supposes that a row is told before the next one is drawn; each that is still under way adds one step's worth.
        """
        if not self._looked:
            return math.inf
        last = self._size(self._looked)
        return self.limit + ((2 * REACH + self._step) / last - REACH / self._step) / self._looked

    def looks(self) -> bool:
        """Draw whether to run the full network for this row too and tell `saw`: true for ``share`` of the rows."""
        with self._lock:
            return bool(self._random.random() < self._share)

    def saw(self, prediction: int, full: int, label: int | None = None) -> int:
        """Take in a row that `looks` drew; return its loss.

        Args:
            prediction: what the cascade answered at the thresholds of `tau`.
            full: what the full network answers.
            label: the true class, which max_loss needs.

        Raises:
            InputError: the promise needs a label, and there is none.
        """
        if self._kind == "consistency":
            loss = int(prediction != full)
        elif label is None:
            raise InputError("label is None; max_loss is about right and wrong: give the label, or promise consistency")
        else:
            loss = int(prediction != label) - int(full != label)
        with self._lock:
            self._looked += 1
            self._lost += loss
            moved = self._position + self._size(self._looked) * (loss - self.limit)
            self._position = max(-REACH, moved)
            self._tau = self._taus()
        return loss

    def _size(self, looked: int) -> float:
        return self._step * math.exp(-self._decay * math.log(looked))

    def _taus(self) -> tuple[float, ...]:
        if self._position >= REACH:
            return (1.0,) * len(self._far)
        near = np.clip(1 - self._far * 2.0**-self._position, 0, 1)
        return tuple(near.astype(np.float32).tolist())


def _check(kind: str, value: float, share: float, step: float, decay: float, seed: int) -> None:
    if not is_number(value, 0, 1) or value in (0, 1):
        raise InputError(f"{kind} is {value}; give a share between 0 and 1, such as 0.01")
    ranges = {"share": (share, 1e-6, 1), "step": (step, 1e-6, 10), "decay": (decay, 0, 0.99)}
    for name, (number, low, high) in ranges.items():
        if not is_number(number, low, high):
            raise InputError(f"{name} is {number}; give a number from {low:g} to {high:g}")
    if not is_whole(seed, 0):
        raise InputError(f"seed is {seed!r}; give a whole number from 0 on")

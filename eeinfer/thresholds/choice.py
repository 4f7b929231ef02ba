"""What choosing thresholds found."""

import msgspec
import numpy as np

from eeinfer.thresholds.given import Rows
from eeinfer.thresholds.paths import Array, at, exits_of
from eeinfer.thresholds.promises import Promise, Task

FIXED_SEQUENCE, EXACT, CONFORMAL = "fixed-sequence", "exact", "conformal"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What thresholds did to some rows."""

    taus: tuple[float, ...]  # one per exit, each a float32
    exits: tuple[int, ...]  # rows that left at each exit
    loss: float  # mean of what the promise bounds
    cost: float  # mean, in the unit that costs were given in
    accuracy: float | None  # None without labels
    agreement: float  # share of rows answered as the full network does


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """The fastest thresholds that keep a promise, as far as the rows can show it; or why there are none."""

    promise: Promise
    limit: float  # of the mean loss
    confidence: float | None  # that the promise is kept; None: it is kept in expectation
    level: float | None  # error rate of the test: all of 1 - confidence, or half of it where two ways were tried
    method: str  # fixed-sequence, exact or conformal
    bound: str | None  # clopper-pearson, hoeffding-bentkus or betting; None in expectation
    seed: int  # of the split in rows that chose and rows that certify
    rows: int  # all of them
    certified_on: int  # rows; with the method exact, all
    found: Outcome | None  # on the rows that certify; None: no thresholds are shown to keep the promise
    upper: float | None  # what these rows show the mean loss not to be above; of `found`, else of the safest candidate
    by_eye: Outcome | None  # the fastest that seem to keep it on the same rows, with no allowance for chance
    never_early: Outcome  # nobody leaves before the last exit
    rows_needed: int | None  # where none were found: about how many rows in all could show it; None: no number

    @property
    def taus(self) -> tuple[float, ...] | None:
        """The thresholds, one per exit; None where none are shown to keep the promise."""
        return None if self.found is None else self.found.taus


def outcome(rows: Rows, task: Task, taus: Array) -> Outcome:
    """Apply thresholds [E] to rows."""
    [exits] = exits_of(rows.scores, taus[np.newaxis])
    answers = at(rows.predictions, exits)
    return Outcome(
        taus=tuple(float(str(tau)) for tau in taus.astype(np.float32)),  # the shortest text of this float32
        exits=tuple(np.bincount(exits, minlength=rows.scores.shape[1]).tolist()),
        loss=float(at(task.losses, exits).mean()),
        cost=float(at(rows.costs, exits).mean()),
        accuracy=None if rows.labels is None else float((answers == rows.labels).mean()),
        agreement=float((answers == rows.full).mean()),
    )


def by_eye(rows: Rows, task: Task, taus: Array) -> Outcome | None:
    """Return what the fastest of ``taus`` [T, E] does of which the mean loss on these very rows is within the limit."""
    exits = exits_of(rows.scores, taus)
    dear = np.where(at(task.losses, exits).mean(axis=1) <= task.limit, at(task.dear, exits).mean(axis=1), np.inf)
    best = int(dear.argmin())
    return None if np.isinf(dear[best]) else outcome(rows, task, taus[best])

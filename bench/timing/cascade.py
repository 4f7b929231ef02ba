"""The cascade as something to be timed: really run, at any threshold, on the batches of the sample."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.backends.base import Inputs
from eeinfer.bench.timing.clock import Call
from eeinfer.engine import Engine
from eeinfer.preprocess import Given
from eeinfer.rule import Taus, leaves

Array = NDArray[Any]


def as_given(inputs: Inputs) -> Given:
    """Return prepared tensors as a caller would give them: the only one alone, which spares the engine a look."""
    return next(iter(inputs.values())) if len(inputs) == 1 else inputs


class CascadeCalls:
    """Calls of one engine on fixed batches, each remembering where its rows left."""

    def __init__(self, engine: Engine, batches: Sequence[Inputs]) -> None:
        self._engine = engine
        self._batches = [*map(as_given, batches)]
        self.left: dict[str, list[Array]] = {}  # name of the call -> exits [batch] per batch, of its last run

    def at(self, name: str, tau: Taus) -> Call:
        """Return the call that runs a batch at ``tau``."""
        engine, batches = self._engine, self._batches
        left = self.left[name] = [np.empty(0, np.int64)] * len(batches)

        def call(batch: int) -> None:
            left[batch] = engine(batches[batch], tau=tau).exits

        return call


def forced(exit: int, exits: int) -> list[float]:
    """Return thresholds at which a row passes by every exit before ``exit`` and leaves there, its score above 0."""
    return [1.0] * exit + [0.0] * (exits - exit)


def leaves_at(scores: Array, exit: int) -> Array:
    """Which rows of ``scores`` [N, E] leave at ``exit`` under `forced`: no score exceeds 1, so it is all but those
    that score 0 there; the last exit takes everybody.
    """
    return np.ones(len(scores), bool) if exit == scores.shape[1] - 1 else leaves(scores[:, exit], 0.0)

"""What a scheduler would do, from its cost table: its own code over a clock that only counts.

Discrete events: a step takes what the table says for so many rows and nothing else happens in it; requests arrive when
they are due. The decisions are those of ``eeinfer.serving.core``; only the network and the time are not real.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.backends.base import Exit
from eeinfer.backends.row_costs import RowCosts
from eeinfer.bench.serving.driving import FAILED, REFUSED, Outcomes
from eeinfer.bundle.manifest import Manifest
from eeinfer.errors import OverloadError
from eeinfer.rule import as_limits
from eeinfer.serving.config import ServingConfig
from eeinfer.serving.core import Core
from eeinfer.serving.request import Request
from eeinfer.steps import Steps


class _Clock:
    """Seconds that pass when a step says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class _Timed:
    """A backend whose segments take the table's time; rows answer with a score of one half."""

    loop = level = optimised = device_ms = open_graph = None
    name, device = "simulated", "cpu"
    threads: int | None = None
    warm = True

    def __init__(self, costs: RowCosts, clock: _Clock, step_ms: float) -> None:
        self._costs, self._clock, self._step_ms = costs, clock, step_ms

    def start(self, inputs: Any) -> int:
        return len(next(iter(inputs.values())))

    def run(self, segment: int, live: int) -> Exit:
        self._clock.now += (self._costs.ms(segment, live) + self._step_ms) / 1e3
        return Exit(np.zeros((live, 1), np.float32), np.full(live, 0.5, np.float32), np.zeros(live, np.int64))

    def worth_compacting(self, segment: int, rows: int, stays: int) -> bool:
        return self._costs.worth_compacting(segment, rows, stays)

    def compact(self, live: int, order: NDArray[Any]) -> int:
        return len(order)

    def join(self, live: int, other: int, order: NDArray[Any]) -> int:
        return len(order)

    def release(self, live: int) -> None:
        """Nothing is held."""

    def new_lane(self) -> Any:
        raise NotImplementedError("a simulation has no single rows")


def simulate(
    bundle: Any,
    costs: RowCosts,
    config: ServingConfig,
    times: Sequence[float] | NDArray[Any],
    exits: Sequence[int],
    seconds: float,
    *,
    step_ms: float = 0.0,
) -> Outcomes:
    """Return how requests would end that arrive at ``times`` and leave at ``exits``, taken in turn.

    Args:
        bundle: the opened bundle.
        costs: what its segments take, measured.
        config: of the scheduler.
        times: in seconds, ascending.
        exits: where requests leave.
        seconds: in which they arrive.
        step_ms: what the host spends beside a segment, such as on choosing and answering.
    """
    clock, manifest = _Clock(), bundle.manifest
    assert isinstance(manifest, Manifest)
    core = Core(Steps(bundle, _Timed(costs, clock, step_ms)), manifest, costs, config, clock=clock)
    count, depth = len(times), len(manifest.segments)
    latency, left = np.full(count, np.inf), np.full(count, FAILED)
    taus = [as_limits(tuple(0.0 if k == exit else 1.0 for k in range(depth)), depth) for exit in range(depth)]
    inputs = {input.tensor.name: np.zeros((1, 1), np.float32) for input in manifest.inputs}

    def arrive(number: int) -> None:
        request = Request(inputs=inputs, count=1, taus=taus[exits[number % len(exits)]], own_taus=True)

        def done(ticket: Any) -> None:
            latency[number] = (clock.now - times[number]) * 1e3
            left[number] = int(ticket.result().exits[0])

        request.ticket.add_done_callback(done)
        try:
            core.put(request, [0])
        except OverloadError:
            left[number] = REFUSED

    number = 0
    while number < count or len(core.queues):
        if number < count and (times[number] <= clock.now or not len(core.queues)):
            clock.now = max(clock.now, float(times[number]))
            arrive(number)
            number += 1
        else:
            core.turn()
    return Outcomes(seconds=seconds, latency_ms=latency, exits=left, late_ms=0.0)

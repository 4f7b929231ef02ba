"""Less depth under overload: thresholds go down to a floor while many rows wait, and the answers say so."""

from eeinfer.serving.config import ServingConfig
from eeinfer.serving.request import Request

_ON, _OFF = 0.5, 0.25  # of the queue; apart, so that it does not flicker


class Pressure:
    """Whether so many rows wait that thresholds are lowered."""

    def __init__(self, config: ServingConfig) -> None:
        self._queue, self._floor, self._on = config.queue, config.floor, False

    def is_on(self, waiting: int) -> bool:
        """Look at how many rows wait now."""
        if self._floor is None:
            return False
        self._on = waiting > (_OFF if self._on else _ON) * self._queue
        return self._on

    def lower(self, request: Request) -> None:
        """Lower the thresholds of a request to the floor, unless its caller named them or they are as low already."""
        if self._floor is None or request.own_taus:
            return
        taus = tuple(map(min, request.taus, self._floor))
        request.degraded = taus != request.taus
        request.taus = taus

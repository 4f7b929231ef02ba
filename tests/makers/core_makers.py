"""A core whose turns a test takes itself, over the scripted bundle, and requests for it.

Each row brings its scores along, and its name is what every exit predicts.
"""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import numpy as np

from eeinfer import Engine
from eeinfer.arrays import finite_rows
from eeinfer.backends.row_costs import RowCosts
from eeinfer.rule import as_limits
from eeinfer.serving.config import ServingConfig
from eeinfer.serving.core import Core
from eeinfer.serving.observer import Observer
from eeinfer.serving.request import Request
from eeinfer.serving.served import Served
from eeinfer.steps import Steps

EXITS = 3


class Clock:
    """Seconds that go on when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def core_over(
    engine: Engine,
    clock: Callable[[], float],
    observer: Observer | None = None,
    *,
    row_ms: float = 11.0,
    **settings: object,
) -> Core:
    """A core that believes that each segment takes 11 ms for a row, and 1 ms more for each further one."""
    assert isinstance(engine.loop, Steps)
    costs = RowCosts(sizes=(1, 2), segment_ms=((row_ms, row_ms + 1),) * 3, alive_bytes=(0, 16, 16))
    config = ServingConfig(max_batch=4, **settings)  # type: ignore[arg-type]  # what a test names
    return Core(engine.loop, engine.manifest, costs, config, observer=observer, clock=clock)


def rows_of(*scores: list[float], first: int = 0) -> np.ndarray:
    """One row for each list of three scores; the names count up from 500."""
    return np.array([[*row, 500 + first + i] for i, row in enumerate(scores)], np.float32)


def put(core: Core, images: np.ndarray, tau: Any = 0.5, **settings: Any) -> "Future[Served]":
    request = Request(inputs={"input": images}, count=len(images), taus=as_limits(tau, EXITS), **settings)
    core.put(request, np.flatnonzero(finite_rows(request.inputs)).tolist())
    return request.ticket


def to_the_end(core: Core) -> None:
    for _ in range(10_000):
        if not core.turn():
            return
    raise AssertionError("the core goes on for ever")

"""Recipes: named functions that return the whole config of a run. The only place with numbers that were tuned.

`demo` is where to start, `tiny` has every system on digits, `paper` the set-ups behind the figures of "Joint or
Disjoint", `systems` each system as its own paper has it.
"""

from collections.abc import Callable
from dataclasses import replace

from eeinfer.training.config import PhaseConfig, TrainConfig
from eeinfer.training.recipes import demo, paper, systems, tiny
from eeinfer.training.regimes import phases

_EVERY: tuple[Callable[[], TrainConfig], ...] = (
    demo.digits,
    demo.fashion_resnet20,
    *tiny.TINY,
    *paper.PAPER,
    *systems.SYSTEMS,
)
RECIPES: dict[str, Callable[[], TrainConfig]] = {make.__name__: make for make in _EVERY}

# Recipes whose phase 2 is made to go on from phase 1: what it is where phase 1 does not run.
FROM_SCRATCH: dict[str, PhaseConfig] = {
    "fashion_resnet20": demo.FASHION_FROM_SCRATCH,
    "cdl_fashion_resnet20": replace(demo.FASHION_FROM_SCRATCH, epochs=30),
}


def fit_for(regime: str | None, name: str) -> TrainConfig:
    """Return the config of the recipe `name` with phases fit for a regime, which is the caller's to set.

    Raises:
        ConfigError: no such regime.
    """
    config = RECIPES[name]()
    if regime is None or name not in FROM_SCRATCH or 1 in phases(regime):
        return config
    return replace(config, phase2=FROM_SCRATCH[name])

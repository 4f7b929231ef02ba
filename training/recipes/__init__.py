"""Recipes: named functions that return the whole config of a run. The only place with numbers that were tuned.

`demo` is where to start, `tiny` has every system on digits, `paper` the set-ups behind the figures of "Joint or
Disjoint", `systems` each system as its own paper has it.
"""

from collections.abc import Callable

from eeinfer.training.config import TrainConfig
from eeinfer.training.recipes import demo, paper, systems, tiny

_EVERY: tuple[Callable[[], TrainConfig], ...] = (
    demo.digits,
    demo.fashion_resnet20,
    *tiny.TINY,
    *paper.PAPER,
    *systems.SYSTEMS,
)
RECIPES: dict[str, Callable[[], TrainConfig]] = {make.__name__: make for make in _EVERY}

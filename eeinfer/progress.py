"""How long work says where it stands: one shape for training, export, measuring and the command line."""

from collections.abc import Callable
from typing import TypeAlias

Progress: TypeAlias = Callable[[str, int, int], None]  # what is being done, steps done, steps planned


def silent(_doing: str, _done: int, _planned: int) -> None:
    """Tell nobody: what a function takes where its caller gave no progress."""

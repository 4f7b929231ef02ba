"""Who is told how long work goes: one shape for training, exporting and measuring."""

from typing import Protocol


class Progress(Protocol):
    """Told where long work stands."""

    def __call__(self, doing: str, done: int = 0, planned: int = 0) -> None:
        """Hear that ``done`` of ``planned`` steps of ``doing`` are over; 0 planned: one line of text for people."""


def silent(doing: str, done: int = 0, planned: int = 0) -> None:
    """Tell nobody."""

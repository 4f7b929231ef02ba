"""Threads of a process that only serves."""

import sys
from pathlib import Path

_HANDS_OVER_S = 5e-4  # Python's own 5 ms are longer than many answers take


def hand_over_soon() -> None:
    """Let a thread that waits for the interpreter have it sooner: whoever computes gives it up at the next chance."""
    sys.setswitchinterval(_HANDS_OVER_S)


def take_serving_process(bundle: Path, *, device: str, threads: int | None, backend: str | None) -> None:
    """Give a process that has no other purpose than to serve quick hand-overs and, on the CPU, one pool.

    Raises:
        ConfigError, BundleError: as `eeinfer.backends.ort.process.take_process`.
    """
    hand_over_soon()
    if device == "cpu":
        from eeinfer.backends.ort.process import take_process

        take_process(bundle, threads, backend)

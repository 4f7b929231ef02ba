"""Threads of a process that only serves."""

import sys

_HANDS_OVER_S = 5e-4  # Python's own 5 ms are longer than many answers take


def hand_over_soon() -> None:
    """Let a thread that waits for the interpreter have it sooner: whoever computes gives it up at the next chance."""
    sys.setswitchinterval(_HANDS_OVER_S)

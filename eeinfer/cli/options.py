"""Options that several commands share: thresholds and other numbers, files of the user's own parts."""

import re
from pathlib import Path
from typing import Annotated

import typer

from eeinfer.errors import InputError

Tau = Annotated[
    str | None,
    typer.Option(
        metavar="TAU[,TAU...]",
        help="Threshold in [0, 1], or one per exit separated by commas. Without it: those in the bundle.",
        show_default=False,
    ),
]

Parts = Annotated[
    list[Path] | None,
    typer.Option(
        "--part",
        metavar="FILE.py",
        help="File that a backbone, method or data set of your own is in, as eeinfer train was given it; repeatable.",
        show_default=False,
    ),
]


def taus(text: str | None) -> float | list[float] | None:
    """Turn ``0.9`` or ``0.9,0.8,0.7`` into numbers; their range and count are the engine's to judge.

    Raises:
        InputError: something between the commas is not a number.
    """
    if text is None:
        return None
    values = numbers("--tau", text)
    if re.fullmatch(r"\s*[01],\d+\s*", text) and values[1] > 1:
        raise InputError(
            f"--tau {text!r} has a decimal comma: write {text.strip().replace(',', '.')}; commas divide taus"
        )
    return values[0] if len(values) == 1 else values


def numbers(option: str, text: str) -> list[float]:
    """Turn ``0.9,0.8`` into numbers.

    Raises:
        InputError: something between the commas is not a number.
    """
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"{option} {text!r} is not a number or numbers separated by commas, such as 0.9 or 0.9,0.8"
        ) from None


def integers(option: str, text: str) -> list[int]:
    """Turn ``1,8,32`` into whole numbers.

    Raises:
        InputError: something between the commas is not a whole number.
    """
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise InputError(
            f"{option} {text!r} is not a whole number or some separated by commas, such as 1 or 1,8,32"
        ) from None

"""A loss landscape as a small map: a square for each point of the plane, the darker the higher the loss."""

import math
from typing import Any

from eeinfer.bench.reporting.templates import html
from eeinfer.bench.study.results.shapes import PlaneFacts

_SHADES = ("#f3f8fc", "#d5e7f3", "#b1d3e9", "#86bbdc", "#5a9fcd", "#3580b8", "#1b619b", "#0d4578", "#082c52")


def loss_map(plane: PlaneFacts, within: tuple[float, float], name: str) -> Any:  # Markup
    """Return the mean loss of exits as SVG.

    Args:
        plane: what was found.
        within: the losses of the lightest and the darkest shade, on a scale of logarithms.
        name: of the network, for who cannot see it; it must be harmless or is made so.
    """
    steps = len(plane.coordinates)
    squares = "".join(
        f'<rect x="{column}" y="{row}" width="1.02" height="1.02" fill="{_shade(loss, *within)}">'
        f"<title>{loss:.3g} nats</title></rect>"
        for row, line in enumerate(plane.total)
        for column, loss in enumerate(line)
    )
    middle = steps // 2 + 0.5
    weights = f'<circle cx="{middle}" cy="{middle}" r="0.22" fill="#c2410c"/>'
    frame = f'<svg viewBox="0 0 {steps} {steps}" role="img" aria-label="{_text(name)}" class="map">'
    return html(f"{frame}{squares}{weights}</svg>")


def shades(within: tuple[float, float]) -> list[tuple[str, str]]:
    """Return the shades with the loss at which each begins."""
    low, high = map(math.log, within)
    return [
        (shade, f"{math.exp(low + (high - low) * place / len(_SHADES)):.2g}") for place, shade in enumerate(_SHADES)
    ]


def _shade(loss: float, low: float, high: float) -> str:
    share = (math.log(max(loss, low)) - math.log(low)) / (math.log(high) - math.log(low))
    return _SHADES[min(int(share * len(_SHADES)), len(_SHADES) - 1)]


def _text(name: str) -> str:
    return "".join(each if each.isalnum() else " " for each in name)

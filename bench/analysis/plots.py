"""An analysis as one picture, an SVG file."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from eeinfer.bench.reporting.plots import svg_file
from eeinfer.training.analysis.analyse import INFORMATION, LANDSCAPE, RANK, Analysis, Network
from eeinfer.training.analysis.features import layers_before
from eeinfer.training.analysis.landscape import Landscape
from eeinfer.training.analysis.overthinking import Overthinking
from eeinfer.training.analysis.rank import LayerRank

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_LOSS = 4.0  # times the loss of chance, ln 10 for ten classes: above it a plane is one colour


def picture(analysis: Analysis) -> bytes:
    """Return the SVG file; the same analysis gives the same bytes.

    Raises:
        DependencyError: matplotlib is missing.
    """
    planes = analysis.kind == LANDSCAPE
    style = {"font.size": 10, "axes.grid": not planes}

    def draw(figure: "Figure") -> None:
        _planes(figure, analysis) if planes else _lines(figure.subplots(), analysis)
        figure.suptitle(_title(analysis), fontsize=11)

    return svg_file(analysis.kind, _size(analysis), draw, style=style).encode()


def _title(analysis: Analysis) -> str:
    what = {
        RANK: "Numerical rank of each layer",
        INFORMATION: "Information of each layer on the input",
        LANDSCAPE: "Loss around the weights",
    }.get(analysis.kind, "Right at an exit, wrong at the last one")
    return f"{what}: {analysis.images} {analysis.part} images of {analysis.data}"


def _size(analysis: Analysis) -> tuple[float, float]:
    if analysis.kind != LANDSCAPE:
        return 7.5, 4.5
    columns = max(1 + len(network.exits) for network in analysis.networks)
    return 2.6 * columns, 2.6 * len(analysis.networks) + 0.6


def _lines(axes: "Axes", analysis: Analysis) -> None:
    longest = 0
    for network in analysis.networks:
        values = _values(network)
        longest = max(longest, len(values))
        if values:
            label = f"{network.label} ({network.regime})"
            axes.plot(range(len(values)), values, marker="o", markersize=3, label=label)
    first: Any = analysis.networks[0].found
    if isinstance(first, Overthinking):
        axes.set(xlabel="exit", ylabel="share of images, wrong at the last exit", ylim=(0, None))
        axes.set_xticks(range(longest))
    else:
        if analysis.kind == INFORMATION:
            axes.axhline(first[0].most, color="0.4", linestyle="--")
            axes.annotate("ln M: no more can be told", (0, first[0].most), va="bottom", color="0.3", fontsize=8)
        label = "rank" if analysis.kind == RANK else "I(X;Z), nats"
        axes.set(xlabel="layer, from the input on", ylabel=label, ylim=(0, None))
        _mark_exits(axes, analysis.networks)
    if longest:
        axes.legend(frameon=False)


def _mark_exits(axes: "Axes", networks: Sequence[Network]) -> None:
    """A line between two layers for each exit, where all networks have theirs in the same places."""
    found: Any = networks[0].found
    layers = [layer.layer for layer in found]
    if len({network.exits for network in networks}) > 1:
        return
    for k, module in enumerate(networks[0].exits):
        if (place := layers_before(layers, module)) is not None:
            axes.axvline(place - 0.5, color="0.6", linewidth=0.8, linestyle=":")
            above = axes.get_xaxis_transform()
            axes.annotate(f"exit {k}", (place - 0.5, 1), xycoords=above, ha="center", va="bottom", fontsize=8)


def _values(network: Network) -> list[float]:
    found: Any = network.found
    if isinstance(found, Overthinking):
        return [line[-1] for line in found.spoiled[:-1]]  # the last exit spoils nothing of its own
    return [layer.rank if isinstance(layer, LayerRank) else layer.nats for layer in found]


def _planes(figure: "Figure", analysis: Analysis) -> None:
    from matplotlib.colors import LogNorm

    planes = [network.found for network in analysis.networks if isinstance(network.found, Landscape)]
    every = np.concatenate([np.ravel(each) for found in planes for each in (found.total, *found.exits)])
    every = every[np.isfinite(every) & (every > 0)]
    low = float(every.min()) if every.size else 1e-3
    norm = LogNorm(vmin=low, vmax=max(min(float(every.max(initial=low)), _MOST_LOSS * np.log(10)), low * 1.01))
    columns = max(1 + len(found.exits) for found in planes)
    grid = figure.subplots(len(planes), columns, squeeze=False)
    for line, network, found in zip(grid, analysis.networks, planes, strict=True):
        titles = ["mean of exits", *(f"exit {k}" for k in range(len(found.exits)))]
        rim = found.coordinates[-1]
        for axes, title, losses in zip(line, titles, (found.total, *found.exits), strict=False):
            shown = axes.imshow(np.clip(losses, low, None), norm=norm, extent=(-rim, rim, -rim, rim), origin="lower")
            axes.set_title(f"{network.label}, {title}" if axes is line[0] else title, fontsize=9)
        for axes in line[len(titles) :]:
            axes.set_axis_off()
    figure.colorbar(shown, ax=grid, label="loss, nats", shrink=0.8)

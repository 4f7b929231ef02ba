"""The three plots of the page, as SVG to be put inline.

Colours are written as CSS variables, so that the page's light and dark themes reach into the plots; text stays
text. The same report gives the same bytes.
"""

import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from eeinfer.bench.reporting.formats import FlopsUnit, chosen, flops_unit, networks
from eeinfer.bench.reporting.report import Network, Report
from eeinfer.errors import DependencyError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# What is drawn with and what the page calls it; any seven distinct colours would do.
_THEME = {
    "#1b1f24": "--ink",
    "#6b7280": "--muted",
    "#e5e7eb": "--line",
    "#0b66d0": "--cascade",
    "#c2410c": "--static",
    "#0f766e": "--cut",
    "#7c3aed": "--own",
}
INK, MUTED, LINE, CASCADE, STATIC, CUT, OWN = _THEME
_STYLE: Any = {
    "svg.fonttype": "none",
    "font.size": 10,
    "axes.edgecolor": LINE,
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
}


def accuracy_against_flops(report: Report) -> str:
    """Accuracy over mean FLOPs: the cascade's curve, the static network and the network cut at each exit."""
    unit = flops_unit(report)
    return svg("flops", (5.4, 3.9), lambda axes: _pareto_flops(axes, report, unit))


def accuracy_against_ms(report: Report) -> str:
    """Accuracy over measured milliseconds per image, for the same networks."""
    return svg("ms", (5.4, 3.9), lambda axes: _pareto_ms(axes, report))


def exit_shares(report: Report) -> str:
    """Which share of images leaves at each exit, over tau or, where no such number orders them, mean FLOPs."""
    return svg("shares", (11, 3.2), lambda axes: _shares(axes, report))


def _pareto_flops(axes: "Axes", report: Report, unit: FlopsUnit) -> None:
    x = [row.mean_flops / unit.divisor for row in report.thresholds]
    points = [(network, network.flops / unit.divisor) for network in (*report.cuts, report.static)]
    _pareto(axes, report, x, points, report.own.threshold.mean_flops / unit.divisor)
    axes.set_xlabel(f"mean {unit.name} per image")


def _pareto_ms(axes: "Axes", report: Report) -> None:
    batch = report.settings.batch
    x = [row.timing.mean_ms / batch for row in report.thresholds]
    points = [(network, network.timing.mean_ms / batch) for network in networks(report)]
    _pareto(axes, report, x, points, report.own.threshold.timing.mean_ms / batch)
    axes.set_xlabel("measured milliseconds per image")


def _own_label(report: Report) -> str:
    return "the bundle's own thresholds" if report.own.promise is None else "certified thresholds"


def _pareto(
    axes: "Axes", report: Report, x: Sequence[float], points: Sequence[tuple[Network, float]], own: float
) -> None:
    y = [100 * row.accuracy for row in report.thresholds]
    axes.plot(
        x,
        y,
        color=CASCADE,
        linewidth=1.6,
        marker="o",
        markersize=2.6,
        label=f"cascade, one point per {report.grid.parameter}",
    )
    _points(axes, points, report)
    here = report.headline
    axes.plot(x[here], y[here], "o", markersize=9, markerfacecolor="none", markeredgecolor=CASCADE, mew=1.6)
    axes.annotate(
        chosen(report),
        (x[here], y[here]),
        xytext=(0, 9),
        textcoords="offset points",
        ha="right",
        color=CASCADE,
    )
    axes.plot(own, 100 * report.own.threshold.accuracy, "*", color=OWN, markersize=11, label=_own_label(report))
    axes.set_ylabel("accuracy, %")
    axes.set_xlim(left=0)
    axes.margins(y=0.12)
    axes.legend(loc="lower right", labelcolor=MUTED)


def _points(axes: "Axes", points: Sequence[tuple[Network, float]], report: Report) -> None:
    """The fixed networks; those cut at an exit share one entry of the legend and carry their exit's number."""
    for network, x in points:
        y = 100 * network.accuracy
        if network in report.cuts:
            label = "network cut at an exit" if network is report.cuts[0] else None
            axes.plot(x, y, "s", color=CUT, markersize=5.5, label=label)
            axes.annotate(f"{network.exit}", (x, y), xytext=(6, -9), textcoords="offset points", color=CUT)
        else:
            hollow = network is report.all_exits
            face = "none" if hollow else STATIC
            label = "all exits, one session" if hollow else "static network"
            axes.plot(x, y, "D", color=STATIC, markerfacecolor=face, markersize=6, label=label)


def _shares(axes: "Axes", report: Report) -> None:
    from matplotlib import colormaps

    name, x = _order(report)
    count = len(report.bundle.modules)
    colours = [colormaps["YlGnBu"](0.25 + 0.65 * k / max(1, count - 1)) for k in range(count)]
    layers = [[100 * row.shares[k] for row in report.thresholds] for k in range(count)]
    axes.stackplot(x, layers, colors=colours, labels=[f"exit {k}" for k in range(count)], linewidth=0)
    axes.axvline(x[report.headline], color=INK, linewidth=1.2, linestyle=(0, (4, 3)))
    axes.margins(x=0)
    axes.set_ylim(0, 100)
    axes.set_xlabel(name)
    axes.set_ylabel("share of images, %")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), labelcolor=MUTED, reverse=True, ncols=1 + count // 14)


def _order(report: Report) -> tuple[str, list[float]]:
    if report.grid.parameter == "tau":
        return "tau", [row.point for row in report.thresholds]
    unit = flops_unit(report)
    return f"mean {unit.name} per image", [row.mean_flops / unit.divisor for row in report.thresholds]


def svg(name: str, inches: tuple[float, float], draw: Callable[["Axes"], None]) -> str:
    """Draw one plot, to be put inline; ``name`` tells its ids apart from other plots'.

    Raises:
        DependencyError: matplotlib is missing.
    """
    text = svg_file(name, inches, lambda figure: draw(figure.subplots()), style=_STYLE, transparent=True)
    return _inline(text, name)


def svg_file(
    name: str,
    inches: tuple[float, float],
    draw: Callable[["Figure"], None],
    *,
    style: Any,  # what matplotlib calls rc parameters
    transparent: bool = False,
) -> str:
    """Draw one figure as an SVG file of its own, the same bytes each time.

    Raises:
        DependencyError: matplotlib is missing.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise DependencyError("the plots are drawn with matplotlib: pip install 'eeinfer[bench]'") from error

    out = io.StringIO()
    with matplotlib.rc_context({**style, "svg.hashsalt": name}):
        figure = Figure(figsize=inches, layout="constrained")
        draw(figure)
        blank = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(out, format="svg", transparent=transparent, metadata=blank)
    return out.getvalue()


def _inline(text: str, name: str) -> str:
    """Fit for an HTML body: no prologue, ids that do not meet those of another plot, the page's colours."""
    text = text[text.index("<svg") :]
    text = re.sub(r'<svg[^>]*viewBox="([^"]*)"[^>]*>', rf'<svg viewBox="\1" role="img" class="{name}">', text, count=1)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' id="([^"]+)"', rf' id="{name}-\1"', text)
    text = re.sub(r'(xlink:href="#|url\(#)', rf"\1{name}-", text).replace("xlink:href", "href")
    for colour, variable in _THEME.items():
        text = text.replace(colour, f"var({variable})")
    return text

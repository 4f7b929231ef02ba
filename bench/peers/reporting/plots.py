"""The plots of a comparison: ratios over workloads, memory, load time; as SVG to be put inline."""

from typing import TYPE_CHECKING

from eeinfer.bench.peers.registry import table
from eeinfer.bench.peers.reporting import sentences
from eeinfer.bench.peers.reporting.report import PeerResult, PeersReport, Spread
from eeinfer.bench.reporting.formats import significant
from eeinfer.bench.reporting.plots import CASCADE, INK, LINE, MUTED, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Colours that read on white and on black, and differ for those who see red and green alike.
_COLOURS = (
    *(CASCADE, "#d55e00", "#009e73", "#cc79a7", "#8c6d31"),
    *("#e8a200", "#7b6fd6", "#56b4e9", "#8a8f98", "#b5485d"),
    *("#2f8f9d", "#a3a300", "#c7713d", "#5f8f4f"),
)  # of the peers in the order of their table
MARKERS = "osD^vPX<>dph8*"
_GAP = 0.5  # between the forced exits and the mix
_SPREAD = 0.5  # of a workload's column that its peers share
_ROW_INCHES = 0.34


def ratios(report: PeersReport) -> str:
    """Each peer's time over the engine's, at every exit and in the mix, with the 10th and 90th percentile."""
    return svg("ratios", (11, 4.4), lambda axes: _ratios(axes, report))


def memory(report: PeersReport) -> str:
    """Resident memory at its peak, and how much of it came with the model."""
    return svg("memory", _bars(report), lambda axes: _memory(axes, report))


def loading(report: PeersReport) -> str:
    """Seconds to open the model, and to import libraries before."""
    return svg("loading", _bars(report), lambda axes: _loading(axes, report))


def _bars(report: PeersReport) -> tuple[float, float]:
    return 5.4, 1.1 + _ROW_INCHES * len(report.ran)


def _ratios(axes: "Axes", report: PeersReport) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    names = [workload.name for workload in report.workloads]
    places = [*range(len(names) - 1), len(names) - 1 + _GAP]
    axes.axhline(1, color=CASCADE, linewidth=2, label=sentences.subject(report))
    others = report.ran[1:]
    step = _SPREAD / max(1, len(others) - 1)
    for position, peer in enumerate(others):
        shift = position * step - (_SPREAD / 2 if len(others) > 1 else 0)
        _series(axes, peer, _number_of(peer, report), names, [place + shift for place in places])
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_locator(LogLocator(base=2, subs=(1.0, 1.5)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(places, [sentences.short(workload) for workload in report.workloads])
    axes.grid(visible=False, axis="x")
    axes.axvline(places[-1] - (1 + _GAP) / 2, color=LINE, linewidth=0.8)
    axes.set_ylabel(f"time over {sentences.subject(report)}'s")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), labelcolor=MUTED)


def _series(axes: "Axes", peer: PeerResult, number: int, names: list[str], places: list[float]) -> None:
    points = [(place, timing.ratio) for name, place in zip(names, places, strict=True) if (timing := peer.timing(name))]
    colour = _COLOURS[number]
    axes.errorbar(
        [place for place, _ in points],
        [ratio.median for _, ratio in points],
        yerr=_whiskers([ratio for _, ratio in points]),
        fmt=MARKERS[number],
        color=colour,
        markersize=6,
        elinewidth=1.2,
        label=peer.name,
    )


def colour_of(peer: PeerResult, report: PeersReport) -> str:
    """Return a peer's colour, the same in every plot; the engine's own is the page's."""
    colour = _COLOURS[_number_of(peer, report)]
    return "cascade" if colour == CASCADE else colour


def _number_of(peer: PeerResult, report: PeersReport) -> int:
    return list(table(report.environment.device)).index(peer.name)


def _whiskers(spreads: list[Spread]) -> list[list[float]]:
    down = [max(0.0, spread.median - spread.p10) for spread in spreads]
    return [down, [max(0.0, spread.p90 - spread.median) for spread in spreads]]


def _memory(axes: "Axes", report: PeersReport) -> None:
    grown = [peer.increase_mb or 0.0 for peer in report.ran]
    rest = [max(0.0, (peer.peak_mb or 0.0) - more) for peer, more in zip(report.ran, grown, strict=True)]
    rows = range(len(report.ran))
    axes.barh(rows, grown, color=_colours(report), height=0.62)
    axes.barh(rows, rest, left=grown, color=LINE, height=0.62)
    for row, (more, other) in enumerate(zip(grown, rest, strict=True)):
        _number(axes, f"{more:.0f}", more + other, row)
    axes.set_xlabel("peak of resident memory, MB")
    _name_rows(axes, report)


def _loading(axes: "Axes", report: PeersReport) -> None:
    """On a logarithmic axis, because a compiler takes a thousand times as long; bars would lie there."""
    for row, (peer, colour) in enumerate(zip(report.ran, _colours(report), strict=True)):
        axes.plot(peer.import_s or 0.0, row, "o", color=LINE, markersize=7)
        axes.plot(peer.open_s or 0.0, row, "o", color=colour, markersize=8)
        _number(axes, significant(peer.open_s or 0.0), max(peer.open_s or 0.0, peer.import_s or 0.0), row)
    axes.set_xscale("log")
    axes.set_xlabel("seconds")
    _name_rows(axes, report)


def _number(axes: "Axes", text: str, x: float, row: int) -> None:
    axes.annotate(text, (x, row), xytext=(7, 0), textcoords="offset points", va="center", color=INK)


def _name_rows(axes: "Axes", report: PeersReport) -> None:
    axes.set_yticks(range(len(report.ran)), [peer.name for peer in report.ran])
    axes.set_ylim(len(report.ran) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.16)


def _colours(report: PeersReport) -> list[str]:
    return [_COLOURS[_number_of(peer, report)] for peer in report.ran]

"""The plots of a comparison as data, for the page's script."""

from eeinfer.bench.peers.reporting import sentences
from eeinfer.bench.peers.reporting.plots import MARKERS, colour_of
from eeinfer.bench.peers.reporting.report import PeerResult, PeersReport
from eeinfer.bench.reporting.drawings import Plot, Point, Series
from eeinfer.bench.reporting.formats import significant

_SPREAD = 0.5  # of a workload's column that its peers share
_SHAPES = {"o": "o", "s": "s", "D": "d"}  # of matplotlib's marks; the others are told apart by colour


def ratios(report: PeersReport) -> Plot:
    """Each peer's time over the engine's, at every exit and in the mix."""
    others = report.ran[1:]
    return Plot(
        name=f"time of each peer over {sentences.subject(report)}'s",
        x="where images leave",
        y=f"times {sentences.subject(report)}'s",
        x_names=tuple(sentences.short(workload) for workload in report.workloads),
        y_log=True,
        y_from=1,
        y_line=1,
        series=tuple(_ratios(report, peer, place, len(others)) for place, peer in enumerate(others)),
    )


def memory(report: PeersReport) -> Plot:
    """Resident memory at its peak, and how much of it came with the model."""
    grown = [peer.increase_mb or 0.0 for peer in report.ran]
    held = [max(0.0, (peer.peak_mb or 0.0) - more) for peer, more in zip(report.ran, grown, strict=True)]
    return Plot(
        name="peak of resident memory",
        kind="bars",
        x="peak of resident memory, MB",
        y_names=tuple(peer.name for peer in report.ran),
        series=(
            Series(name="came with the model", colour="cascade", points=_bars(report, grown, coloured=True)),
            Series(name="held before", colour="line", points=_bars(report, held, coloured=False)),
        ),
    )


def loading(report: PeersReport) -> Plot:
    """Seconds to open the model, and to import libraries before; a compiler takes a thousand times as long."""
    opening = [peer.open_s or 0.0 for peer in report.ran]
    importing = [peer.import_s or 0.0 for peer in report.ran]
    return Plot(
        name="seconds to open the model",
        x="seconds",
        x_log=True,
        y_names=tuple(peer.name for peer in report.ran),
        series=(
            Series(name="import libraries", colour="muted", points=_dots(report, importing)),
            Series(name="open the model", colour="cascade", points=_dots(report, opening)),
        ),
    )


def _ratios(report: PeersReport, peer: PeerResult, place: int, count: int) -> Series:
    shift = place * _SPREAD / max(1, count - 1) - (_SPREAD / 2 if count > 1 else 0)
    points = []
    for at, workload in enumerate(report.workloads):
        timing = peer.timing(workload.name)
        if timing is None:
            continue
        ratio = timing.ratio
        points.append(
            Point(
                x=at + shift,
                y=ratio.median,
                y_low=ratio.p10,
                y_high=ratio.p90,
                label=f"{peer.name}, {workload.name}",
                facts=(
                    f"{ratio.median:.2f} times ({ratio.p10:.2f} to {ratio.p90:.2f})",
                    f"{significant(timing.ms.median)} ms per call",
                ),
            )
        )
    mark = _SHAPES.get(MARKERS[place % len(MARKERS)], "o")
    return Series(name=peer.name, colour=colour_of(peer, report), points=tuple(points), mark=mark, whiskers=True)


def _bars(report: PeersReport, values: list[float], *, coloured: bool) -> tuple[Point, ...]:
    return tuple(
        Point(
            x=value,
            y=row,
            label=peer.name,
            facts=(f"{peer.increase_mb or 0:.0f} MB came with the model, {peer.peak_mb or 0:.0f} MB at the peak",),
            number=None if coloured else f"{peer.increase_mb or 0:.0f}",
            colour=colour_of(peer, report) if coloured else None,
        )
        for row, (peer, value) in enumerate(zip(report.ran, values, strict=True))
    )


def _dots(report: PeersReport, values: list[float]) -> tuple[Point, ...]:
    return tuple(
        Point(x=value, y=row, label=peer.name, facts=(f"{significant(value)} s",))
        for row, (peer, value) in enumerate(zip(report.ran, values, strict=True))
        if value > 0
    )

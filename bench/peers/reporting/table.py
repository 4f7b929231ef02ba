"""The comparison in a terminal."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from eeinfer.bench.peers.reporting import sentences
from eeinfer.bench.peers.reporting.decisions import decisions
from eeinfer.bench.peers.reporting.report import PeerResult, PeersReport
from eeinfer.bench.reporting.formats import NONE, percent, significant
from eeinfer.bench.reporting.table import plain_table

_BESIDE = 4  # ratios with their spread that fit beside each other


def render(report: PeersReport) -> Group:
    """Return everything a terminal shows: times, ratios, memory, load time, and who could not run."""
    ideal = sentences.ideal(report)
    return Group(
        Text(sentences.title(report), style="bold"),
        Text(sentences.circumstances(report), style="dim"),
        *(Text(line, style="bold red") for line in sentences.warnings(report)),
        "",
        _times(report),
        "",
        *_ratios(report),
        Text(f"median (p10-p90) over rounds; above 1 is slower than {sentences.subject(report)}", style="dim"),
        Text(sentences.mix(report), style="dim"),
        *([Text(overhead, style="bold")] if (overhead := sentences.overhead(report)) else []),
        *(Text(line, style="bold") for line in decisions(report)),
        *([Text(ideal, style="bold")] if ideal else []),
        "",
        _costs(report),
        "",
        *(Text(f"skipped {name}: {reason}", style="yellow") for name, reason in sentences.absences(report)),
        Text(sentences.verdict(report), style="bold"),
    )


def _times(report: PeersReport) -> RenderableType:
    table = plain_table("ms per call", *(sentences.short(workload) for workload in report.workloads))
    for peer in report.ran:
        cells = (peer.timing(workload.name) for workload in report.workloads)
        table.add_row(peer.name, *(NONE if cell is None else significant(cell.ms.median) for cell in cells))
    return table


def _ratios(report: PeersReport) -> Iterator[RenderableType]:
    """Ratios with their spread, workloads beneath each other, so that many exits and many peers fit a terminal."""
    others = report.ran[1:]
    for start in range(0, len(others), _BESIDE):
        part = others[start : start + _BESIDE]
        table = plain_table(f"time over\n{sentences.subject(report)}'s", *(peer.name for peer in part))
        for workload in report.workloads:
            cells = (peer.timing(workload.name) for peer in part)
            name = sentences.short(workload)
            table.add_row(name, *(NONE if cell is None else sentences.spread(cell.ratio) for cell in cells))
        yield table
        yield ""


def _costs(report: PeersReport) -> RenderableType:
    table = plain_table(
        "",
        "open\ns",
        "import\ns",
        "memory\nincrease MB",
        "memory\npeak MB",
        "same\nexits %",
        "same\nanswers %",
    )
    for peer in report.ran:
        table.add_row(peer.name, *cost_cells(peer))
    return table


def cost_cells(peer: PeerResult) -> tuple[str, ...]:
    """Seconds, megabytes and agreement of a peer."""
    exits, predictions = sentences.agreement(peer)
    numbers = (peer.open_s, peer.import_s, peer.increase_mb, peer.peak_mb)
    return (
        *(NONE if number is None else significant(number) for number in numbers),
        percent(exits) if peer.decides else NONE,
        percent(predictions),
    )

"""The comparison as one HTML file that needs nothing else."""

from html import escape

from eeinfer.bench.peers.reporting import plots, sentences
from eeinfer.bench.peers.reporting.decisions import decisions
from eeinfer.bench.peers.reporting.report import PeerResult, PeersReport
from eeinfer.bench.peers.reporting.table import cost_cells
from eeinfer.bench.reporting.formats import NONE, percent, significant
from eeinfer.bench.reporting.page import figure, paragraph, table, whole_page


def html_page(report: PeersReport) -> str:
    """Return the whole page."""
    header = paragraph(sentences.circumstances(report)) + "".join(
        f"<p class=warning>{escape(line)}</p>" for line in sentences.warnings(report)
    )
    return whole_page(
        "eeinfer bench --peers",
        sentences.title(report),
        (header, _plots(report), _ratios(report), _times(report), _costs(report), _who(report), _facts(report)),
    )


def _plots(report: PeersReport) -> str:
    subject = sentences.subject(report)
    caption = f"Time over {subject}'s: above the line is slower; whiskers: 10th to 90th percentile of rounds"
    ratios = figure(plots.ratios(report), caption)
    pair = (
        figure(plots.memory(report), "Memory; coloured, and in numbers: what came with the model"),
        figure(plots.loading(report), "Seconds to open the model; grey: to import libraries"),
    )
    return f"<section>{ratios}<div class=pair>{''.join(pair)}</div></section>"


def _ratios(report: PeersReport) -> str:
    others = report.ran[1:]
    rows = []
    for workload in report.workloads:
        cells = (peer.timing(workload.name) for peer in others)
        rows.append(("", [workload.name, *(NONE if cell is None else sentences.spread(cell.ratio) for cell in cells)]))
    ideal = sentences.ideal(report)
    return (
        f"<section><h2>Time over {sentences.subject(report)}'s, median (p10-p90)</h2>"
        f"<div class=tight>{table(['', *(peer.name for peer in others)], rows)}</div>{paragraph(sentences.mix(report))}"
        f"{paragraph(sentences.overhead(report))}{''.join(map(paragraph, decisions(report)))}"
        f"{paragraph(ideal) + paragraph(sentences.IDEAL) if ideal else ''}{paragraph(sentences.METHOD)}</section>"
    )


def _times(report: PeersReport) -> str:
    rows = []
    for peer in report.ran:
        cells = (peer.timing(workload.name) for workload in report.workloads)
        style = "chosen" if peer is report.peers[0] else ""
        rows.append((style, [peer.name, *(NONE if cell is None else significant(cell.ms.median) for cell in cells)]))
    columns = ["", *(workload.name for workload in report.workloads)]
    return f"<section><h2>Milliseconds per call</h2>{table(columns, rows)}</section>"


def _costs(report: PeersReport) -> str:
    rows = [("chosen" if peer is report.peers[0] else "", [peer.name, *cost_cells(peer)]) for peer in report.ran]
    columns = ["", "open s", "import s", "memory increase MB", "memory peak MB", "same exits %", "same answers %"]
    return (
        f"<section><h2>Loading, memory, agreement</h2>{table(columns, rows)}{paragraph(sentences.MEMORY)}"
        f"{paragraph(sentences.AGREEMENT)}</section>"
    )


def _who(report: PeersReport) -> str:
    body = "".join(f"<dt>{escape(peer.name)}</dt><dd>{escape(_about(peer))}</dd>" for peer in report.peers)
    return f"<section><h2>The peers</h2><dl>{body}</dl></section>"


def _about(peer: PeerResult) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in peer.versions.items())
    state = f"SKIPPED: {peer.skipped}" if peer.skipped else f"FAILED: {peer.failed}" if peer.failed else versions
    return ". ".join(text for text in (peer.note, peer.detail, state) if text)


def _facts(report: PeersReport) -> str:
    body = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in sentences.facts(report))
    shares = [
        ("", [plan.name, *(percent(share) for share in plan.shares), ", ".join(f"{tau:.4g}" for tau in plan.taus)])
        for plan in report.workloads
    ]
    columns = ["workload", *(f"exit {k} %" for k in range(len(report.bundle.modules))), "taus"]
    return f"<section><h2>Circumstances</h2><dl>{body}</dl>{table(columns, shares)}</section>"

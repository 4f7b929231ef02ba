"""The comparison as one HTML file."""

from collections.abc import Iterator
from types import SimpleNamespace

from eeinfer.bench.peers.reporting import drawings, plots, sentences
from eeinfer.bench.peers.reporting.decisions import decisions
from eeinfer.bench.peers.reporting.report import PeerResult, PeersReport
from eeinfer.bench.peers.reporting.table import cost_cells
from eeinfer.bench.reporting.formats import NONE, percent, significant
from eeinfer.bench.reporting.page import Row
from eeinfer.bench.reporting.templates import drawn, page
from eeinfer.bench.reporting.words import WORDS

_WORDS = ("exit", "tau", "cascade", "static network", "exit as a network of its own")
_OWN_WORDS = {
    "peer": "another way to run the same network; each is told above, under The peers.",
    "mix": "a workload in which as many images leave at each exit.",
    "never leaving": "a workload in which every image goes through the whole network.",
    "p10-p90": "eight rounds of ten lie between these two.",
}


def html_page(report: PeersReport) -> str:
    """Return the whole page.

    Raises:
        DependencyError: Jinja2 or matplotlib is missing.
    """
    costs = ["peer", "open s", "import s", "memory increase MB", "memory peak MB", "same exits %", "same answers %"]
    exits = [f"exit {k} %" for k in range(len(report.bundle.modules))]
    return page(
        "peers.html",
        command="eeinfer bench --peers",
        title=sentences.title(report),
        report=report,
        sentences=sentences,
        subject=sentences.subject(report),
        plots=SimpleNamespace(
            ratios=drawn(drawings.ratios(report), plots.ratios(report)),
            memory=drawn(drawings.memory(report), plots.memory(report)),
            loading=drawn(drawings.loading(report), plots.loading(report)),
        ),
        ratios=(["images leave at", *(peer.name for peer in report.ran[1:])], list(_ratios(report))),
        decisions=decisions(report),
        times=(["peer", *(workload.name for workload in report.workloads)], list(_times(report))),
        costs=(costs, [(_style(peer, report), [peer.name, *cost_cells(peer)]) for peer in report.ran]),
        peers=[(peer.name, _about(peer)) for peer in report.peers],
        glossary=[*((word, WORDS[word]) for word in _WORDS), *_OWN_WORDS.items()],
        shares=(["workload", *exits, "taus"], list(_shares(report))),
    )


def _style(peer: PeerResult, report: PeersReport) -> str:
    return "chosen" if peer is report.peers[0] else ""


def _ratios(report: PeersReport) -> Iterator[Row]:
    for workload in report.workloads:
        found = (peer.timing(workload.name) for peer in report.ran[1:])
        yield "", [workload.name, *(NONE if one is None else sentences.spread(one.ratio) for one in found)]


def _times(report: PeersReport) -> Iterator[Row]:
    for peer in report.ran:
        found = (peer.timing(workload.name) for workload in report.workloads)
        yield (
            _style(peer, report),
            [peer.name, *(NONE if one is None else significant(one.ms.median) for one in found)],
        )


def _about(peer: PeerResult) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in peer.versions.items())
    state = f"SKIPPED: {peer.skipped}" if peer.skipped else f"FAILED: {peer.failed}" if peer.failed else versions
    return ". ".join(text for text in (peer.note, peer.detail, state) if text)


def _shares(report: PeersReport) -> Iterator[Row]:
    for plan in report.workloads:
        yield "", [plan.name, *(percent(share) for share in plan.shares), ", ".join(f"{tau:.4g}" for tau in plan.taus)]

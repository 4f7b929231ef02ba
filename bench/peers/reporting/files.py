"""The comparison as files: peers.json, peers.csv and peers.html in one folder."""

import os
from collections.abc import Iterator
from pathlib import Path

from eeinfer.bench.peers.reporting.page import html_page
from eeinfer.bench.peers.reporting.report import PeersReport
from eeinfer.bench.reporting.files import csv_text, write_three

COLUMNS = (
    "peer",
    "workload",
    "median_ms",
    "p10_ms",
    "p90_ms",
    "ratio",
    "ratio_p10",
    "ratio_p90",
    "same_exits",
    "same_predictions",
    "import_s",
    "open_s",
    "peak_mb",
    "increase_mb",
    "absent",
)


def write_files(report: PeersReport, folder: str | os.PathLike[str]) -> dict[str, Path]:
    """Write all three files into ``folder``, as those of a report, replacing an earlier comparison."""
    return write_three(report, folder, "peers", csv_table, html_page)


def csv_table(report: PeersReport) -> str:
    """One row per peer and workload, times in ms per call; a peer that did not run has one row that says why."""
    return csv_text(COLUMNS, _rows(report))


def _rows(report: PeersReport) -> Iterator[tuple[object, ...]]:
    for peer in report.peers:
        costs = (peer.import_s, peer.open_s, peer.peak_mb, peer.increase_mb)
        for row in peer.timings:
            spreads = (getattr(spread, name) for spread in (row.ms, row.ratio) for name in ("median", "p10", "p90"))
            yield (peer.name, row.workload, *spreads, row.same_exits, row.same_predictions, *costs, "")
        if peer.skipped or peer.failed:
            yield (peer.name, *[""] * (len(COLUMNS) - 2), peer.skipped or peer.failed)

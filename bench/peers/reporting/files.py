"""The comparison as files: peers.json, peers.csv and peers.html in one folder."""

import csv
import io
import os
from pathlib import Path

from eeinfer.bench.peers.reporting.page import html_page
from eeinfer.bench.peers.reporting.report import PeersReport
from eeinfer.bench.reporting.files import write_all

JSON_NAME, CSV_NAME, HTML_NAME = "peers.json", "peers.csv", "peers.html"
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
    """Write all three files into ``folder``, each under a temporary name first, replacing an earlier comparison.

    Returns:
        The paths under the keys ``json``, ``csv`` and ``html``.

    Raises:
        InputError: the folder cannot be made or written to.
        DependencyError: matplotlib is missing.
    """
    return write_all(
        folder,
        {
            JSON_NAME: report.to_json,
            CSV_NAME: lambda: csv_table(report).encode(),
            HTML_NAME: lambda: html_page(report).encode(),
        },
    )


def csv_table(report: PeersReport) -> str:
    """One row per peer and workload, times in ms per call; a peer that did not run has one row that says why."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for peer in report.peers:
        costs = (peer.import_s, peer.open_s, peer.peak_mb, peer.increase_mb)
        for row in peer.timings:
            spreads = (getattr(spread, name) for spread in (row.ms, row.ratio) for name in ("median", "p10", "p90"))
            writer.writerow((peer.name, row.workload, *spreads, row.same_exits, row.same_predictions, *costs, ""))
        if peer.skipped or peer.failed:
            writer.writerow((peer.name, *[""] * (len(COLUMNS) - 2), peer.skipped or peer.failed))
    return out.getvalue()

"""The report as files: report.json, report.csv and report.html in one folder."""

import csv
import io
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from eeinfer.bench.reporting.page import html_page
from eeinfer.bench.reporting.report import Report
from eeinfer.bundle.labels import as_file_name
from eeinfer.errors import InputError
from eeinfer.files import replace_file


class Encodable(Protocol):
    """A report of any kind."""

    def to_json(self) -> bytes:
        """Encode as JSON."""


AnyReport = TypeVar("AnyReport", bound=Encodable)


def default_folder(bundle_name: str) -> Path:
    """Where the files go unless told otherwise: beside the caller, named after the bundle, whatever it calls itself."""
    return Path(f"{as_file_name(bundle_name)}-bench")


def write_files(report: Report, folder: str | os.PathLike[str]) -> dict[str, Path]:
    """Write all three files into ``folder``, each under a temporary name first, replacing an earlier report.

    Returns:
        The paths under the keys ``json``, ``csv`` and ``html``.

    Raises:
        InputError: the folder cannot be made or written to.
        DependencyError: matplotlib is missing.
    """
    return write_three(report, folder, "report", csv_table, html_page)


def write_three(
    report: AnyReport,
    folder: str | os.PathLike[str],
    stem: str,
    table: Callable[[AnyReport], str],
    page: Callable[[AnyReport], str],
) -> dict[str, Path]:
    """Write a report of any kind as STEM.json, STEM.csv and STEM.html; as `write_files`."""
    return write_all(
        folder,
        {
            f"{stem}.json": report.to_json,
            f"{stem}.csv": lambda: table(report).encode(),
            f"{stem}.html": lambda: page(report).encode(),
        },
    )


def write_all(folder: str | os.PathLike[str], makers: Mapping[str, Callable[[], bytes]]) -> dict[str, Path]:
    """Write one file after the other, the page last: without matplotlib the numbers are saved all the same.

    Returns:
        The paths by the ending of their names.

    Raises:
        InputError: the folder cannot be made or written to.
    """
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name, make in makers.items():
            replace_file(target / name, make())
    except OSError as error:
        raise InputError(f"the report cannot be written to {target}: {error.strerror}; choose another") from error
    return {name.rpartition(".")[2]: target / name for name in makers}


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()


def csv_table(report: Report) -> str:
    """One row per threshold, named by the grid's parameter and its taus; times in ms per call, shares and accuracy in
    [0, 1], FLOPs as multiply-adds.
    """
    every = range(len(report.bundle.modules))
    exits = [*(f"share_exit_{k}" for k in every), *(f"tau_exit_{k}" for k in every)]
    timing = ("mean_ms", "median_ms", "min_ms", "p90_ms", "p99_ms", "calls")
    columns = (
        report.grid.parameter,
        "accuracy",
        "mean_flops",
        *exits,
        *timing,
        "timed_flops",
        "agreement",
        "speedup",
        "saved_ratio",
    )
    rows = []
    for row in report.thresholds:
        times = [getattr(row.timing, name) for name in timing]
        last = (row.timed_flops, row.agreement, row.speedup, row.saved_ratio)
        rows.append((row.point, row.accuracy, row.mean_flops, *row.shares, *row.taus, *times, *last))
    return csv_text(columns, rows)

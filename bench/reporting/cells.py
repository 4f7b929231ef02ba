"""Tables that the terminal and the page show alike, as text: headings, and the cells of each row."""

from collections.abc import Sequence

from eeinfer.bench.reporting.formats import NONE, device_times, has_device_times, milliseconds, percent, significant
from eeinfer.bench.reporting.report import Report

Cells = tuple[list[str], list[Sequence[str]]]


def overheads(report: Report) -> Cells:
    """The cascade against one session, leaving at each exit and never."""
    own = ["cascade GPU ms", "session GPU ms"] if has_device_times(report) else []
    rows: list[Sequence[str]] = [
        (
            row.name,
            milliseconds(report, row.cascade_ms),
            milliseconds(report, row.session_ms),
            f"{row.ratio:.3f}",
            str(row.pairs),
            *device_times(row),
        )
        for row in report.overheads
    ]
    return ["cascade against one session", "cascade ms", "session ms", "ratio", "pairs", *own], rows


def break_even(report: Report) -> Cells:
    """Whether each exit pays at the headline threshold."""
    rows: list[Sequence[str]] = [
        (
            str(row.exit),
            percent(row.reached),
            percent(row.fired),
            percent(row.needed),
            significant(row.cost_ms),
            NONE if row.saved_ms is None else significant(row.saved_ms),
            "yes" if row.pays else "no",
        )
        for row in report.break_even
    ]
    return ["exit", "reached %", "leave %", "must leave %", "costs ms", "saves ms", "pays"], rows

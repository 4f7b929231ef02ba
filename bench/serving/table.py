"""A load test as a terminal shows it."""

from rich.console import Group
from rich.text import Text

from eeinfer.bench.reporting.formats import significant
from eeinfer.bench.reporting.table import plain_table
from eeinfer.bench.serving.measure import LoadReport


def render_load(report: LoadReport) -> Group:
    """Return what a terminal shows."""
    table = plain_table(
        "target", "rate\nper s", "in time\nper s", "p50\nms", "p90\nms", "p99\nms", "refused", "rows per segment"
    )
    for row in report.rows:
        batches = "" if row.batch_rows is None else " / ".join(f"{rows:.1f}" for rows in row.batch_rows)
        times = map(significant, (row.p50_ms, row.p90_ms, row.p99_ms))
        table.add_row(
            row.target, f"{row.rate:g}", significant(row.goodput), *times, f"{row.refused + row.failed:.1%}", batches
        )
    place = report.environment
    best = next(iter(report.peaks.values()))
    told = [
        f"{name}: {significant(peak)} per second" + (f", ours {best / peak:.2f}x" if number and peak else "")
        for number, (name, peak) in enumerate(report.peaks.items())
    ]
    return Group(
        Text(
            f"{report.bundle}, {report.arrivals} arrivals, deadline {significant(report.deadline_ms)} ms", style="bold"
        ),
        Text(f"{place.cpu}, {place.cores} cores", style="dim"),
        "",
        table,
        Text("best goodput: " + "; ".join(told)),
        Text("medians over rounds; latencies count from when a request was due", style="dim"),
    )

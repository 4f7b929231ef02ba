"""What a terminal shows of many callers."""

from rich.console import Group
from rich.text import Text

from eeinfer.bench.callers.measure import CallersReport
from eeinfer.bench.reporting.formats import significant
from eeinfer.bench.reporting.sentences import threads as thread_count
from eeinfer.bench.reporting.table import plain_table


def render_callers(report: CallersReport) -> Group:
    """Return what a terminal shows."""
    table = plain_table("callers", "images\nper second", "over the\nfirst row", "p50\nms", "p99\nms", "calls")
    for row in report.rows:
        times = (significant(row.images_per_second), f"{row.speedup:.2f}x", *map(significant, (row.p50_ms, row.p99_ms)))
        table.add_row(str(row.callers), *times, str(row.calls))
    place = report.environment
    threads = "one pool" if place.threads is None else thread_count(place.threads)
    shares = " / ".join(f"{share:.0%}" for share in report.shares)
    return Group(
        Text(f"{report.bundle}, threads calling one engine, batch 1", style="bold"),
        Text(f"{place.cpu}, {place.cores} cores, {threads} per session; left at exits {shares}", style="dim"),
        "",
        table,
        Text("medians over rounds; a call waits for its answer before the next begins", style="dim"),
    )

"""Many callers as a page and as CSV."""

from eeinfer.bench.callers.measure import CallersReport, CallersRow
from eeinfer.bench.reporting.drawings import Plot, Point, Series
from eeinfer.bench.reporting.files import csv_text
from eeinfer.bench.reporting.formats import percent, significant
from eeinfer.bench.reporting.sentences import about_system, busy, library, threads
from eeinfer.bench.reporting.templates import drawn, page

NOTE = (
    "Threads share one engine. A caller waits for its answer before it calls again, one image a call. Each number of "
    "callers takes a turn in every round; what is shown is the median of the rounds, bars reach from the least to the "
    "most of them."
)
_COLUMNS = ("callers", "images per second", "over the first row", "p50 ms", "p99 ms", "calls")


def callers_page(report: CallersReport) -> str:
    """Return the whole page.

    Raises:
        DependencyError: Jinja2 is missing.
    """
    place = report.environment
    pool = "one pool for all" if place.threads is None else threads(place.threads)
    return page(
        "callers.html",
        command="eeinfer bench --callers",
        title=f"{report.bundle}: threads calling one engine",
        circumstances=f"{place.cpu}, {place.cores} cores, {pool}; batch 1; {report.created}",
        advice=_advice(report),
        busy=busy(place),
        throughput=drawn(_throughput(report), ""),
        slowest=drawn(_slowest(report), ""),
        columns=list(_COLUMNS),
        rows=[("", _cells(report, at)) for at in range(len(report.rows))],
        note_text=NOTE,
        facts=[
            ("thresholds", ", ".join(f"{tau:.4g}" for tau in report.taus)),
            ("leave at exits", " / ".join(f"{percent(share)} %" for share in report.shares)),
            *library(place),
            *about_system(place),
        ],
    )


def callers_csv(report: CallersReport) -> str:
    """Return one row for each number of callers."""
    names = report.rows[0].__struct_fields__
    return csv_text(names, ([getattr(row, name) for name in names] for row in report.rows))


def _advice(report: CallersReport) -> str:
    first, best = report.rows[0], max(report.rows, key=lambda row: row.images_per_second)
    slow = f"one call in a hundred takes longer than {significant(best.p99_ms)} ms"
    if best is first:
        return f"Let {_callers(first)} share the engine: more get no more out of it; {slow}."
    return (
        f"Let {_callers(best)} share the engine where throughput counts: {significant(best.images_per_second)} images "
        f"per second, {best.speedup:.2f} times those of {_callers(first)}. The price: {slow}, and "
        f"{significant(first.p99_ms)} ms with {_callers(first)}."
    )


def _callers(row: CallersRow) -> str:
    return f"{row.callers} thread{'s' if row.callers != 1 else ''}"


def _cells(report: CallersReport, at: int) -> list[str]:
    row = report.rows[at]
    times = (significant(row.p50_ms), significant(row.p99_ms))
    return [str(row.callers), significant(row.images_per_second), f"{row.speedup:.2f}x", *times, str(row.calls)]


def _throughput(report: CallersReport) -> Plot:
    points = tuple(
        Point(
            x=at,
            y=row.images_per_second,
            y_low=row.least_per_second,
            y_high=row.most_per_second,
            label=f"{row.callers} callers",
            facts=(f"{significant(row.images_per_second)} images per second",),
        )
        for at, row in enumerate(report.rows)
    )
    series = Series(name="all callers together", colour="cascade", line=True, whiskers=True, points=points)
    return _plot(report, "images per second", (series,))


def _slowest(report: CallersReport) -> Plot:
    kinds = (
        ("half of the calls take no longer", "cascade", "p50_ms"),
        ("99 of 100 take no longer", "static", "p99_ms"),
    )
    return _plot(
        report,
        "milliseconds of a call",
        tuple(
            Series(
                name=name,
                colour=colour,
                line=True,
                points=tuple(
                    Point(
                        x=at,
                        y=getattr(row, field),
                        label=f"{row.callers} callers, {name}",
                        facts=(f"{significant(getattr(row, field))} ms",),
                    )
                    for at, row in enumerate(report.rows)
                ),
            )
            for name, colour, field in kinds
        ),
    )


def _plot(report: CallersReport, name: str, series: tuple[Series, ...]) -> Plot:
    names = tuple(str(row.callers) for row in report.rows)
    return Plot(name=f"{name} over callers", x="callers", y=name, x_names=names, y_from=0, series=series)

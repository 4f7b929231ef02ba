"""A comparison as a page and as CSV."""

from eeinfer.bench.reporting.drawings import Plot, Point, Series, pareto_front
from eeinfer.bench.reporting.files import csv_text
from eeinfer.bench.reporting.formats import percent, significant
from eeinfer.bench.reporting.sentences import about_system, busy, threads
from eeinfer.bench.reporting.templates import drawn, page
from eeinfer.bench.reporting.words import WORDS
from eeinfer.bench.versus.advice import advice
from eeinfer.bench.versus.report import Contestant, Operating, VersusReport
from eeinfer.bench.versus.table import COLUMNS, PAIR_COLUMNS, bands, cells, pair_cells, unit

NOTE = (
    "Every bundle has a process of its own and sees the same images; all take turns, in an order drawn anew in each "
    "round. A time is the mean over the timed images, the median over rounds; bars reach from the least to the most "
    "round. Bars of accuracies are exact 95 % intervals, each for itself; whether two bundles differ says the table of "
    "pairs. A star is a bundle at its own thresholds; lines go through the same thresholds for all."
)
PAIRS = (
    "Both saw the same images, so only those count that one of them alone gets right. p is how likely so uneven a "
    "split is if both are equally good (McNemar's exact test, corrected for the number of pairs by Holm); below 0.05 "
    "one is called better. The interval of the points is a bootstrap over images. All this is about these bundles: "
    "what a way of training is worth, several seeds of it say."
)
_COLOURS = ("cascade", "static", "cut", "own", "#e8a200", "#56b4e9", "#cc79a7", "#8c6d31", "#2f8f9d", "#8a8f98")
_WORDS = ("tau", "exit", "cascade", "FLOPs", "Pareto front", "interval")


def versus_page(report: VersusReport) -> str:
    """Return the whole page.

    Raises:
        DependencyError: Jinja2 is missing.
    """
    place, listed = report.environment, ", ".join(one.label for one in report.bundles[1:])
    count = "threads as the engine chooses" if place.threads is None else threads(place.threads)
    exits = max(one.exits for one in report.bundles)
    return page(
        "versus.html",
        command="eeinfer compare",
        title=f"{report.bundles[0].label} beside {listed}",
        circumstances=f"{report.data}: {report.images} images, {report.timed} of them timed over {report.rounds} "
        f"rounds; {place.cpu}, {count}; {report.created}",
        advice=advice(report),
        by_ms=drawn(_plot(report, by_ms=True), ""),
        by_flops=drawn(_plot(report, by_ms=False), ""),
        columns=[*COLUMNS[:4], unit(report).name, "mean exit", *COLUMNS[4:]],
        rows=[("", cells(report, one)) for one in report.bundles] + [("own", row) for row in bands(report)],
        exit_columns=["bundle", *(f"exit {k}" for k in range(exits))],
        exit_rows=[("", _padded(one.label, map(percent, one.exit_accuracy), exits)) for one in report.bundles],
        share_rows=[("", _padded(one.label, map(percent, one.own.shares), exits)) for one in report.bundles],
        note_text=NOTE,
        pair_columns=list(PAIR_COLUMNS),
        pairs=[("chosen" if pair.sure else "", pair_cells(pair)) for pair in report.pairs],
        pairs_text=PAIRS,
        busy=busy(place),
        facts=[(one.label, f"{one.name}, {one.precision}, manifest SHA-256 {one.sha256}") for one in report.bundles]
        + [(f"{one.label} ran by", one.how) for one in report.bundles if one.how is not None]
        + about_system(place),
        glossary=[(word, WORDS[word]) for word in _WORDS],
    )


def versus_csv(report: VersusReport) -> str:
    """Return a row for each bundle at each of its thresholds, its own ones first."""
    columns = ("bundle", "tau", "accuracy", "low", "high", "mean_flops", "median_ms", "low_ms", "high_ms")
    rows = [
        (one.label, _tau(one, point), point.accuracy, *point.interval, point.mean_flops, *_ms(point))
        for one in report.bundles
        for point in (one.own, *one.curve)
    ]
    return csv_text(columns, rows)


def _ms(point: Operating) -> tuple[float, float, float]:
    return point.median_ms, point.low_ms, point.high_ms


def _tau(one: Contestant, point: Operating) -> str:
    return "own" if point is one.own else f"{point.taus[0]:g}"


def _padded(first: str, values: "map[str]", count: int) -> list[str]:
    row = [first, *values]
    return row + [""] * (count + 1 - len(row))


def _plot(report: VersusReport, *, by_ms: bool) -> Plot:
    name = "milliseconds per image" if by_ms else f"mean {unit(report).name} per image"
    points = [point for one in report.bundles for point in (one.own, *one.curve)]
    front = pareto_front([(_x(report, point, by_ms=by_ms), 100 * point.accuracy) for point in points])
    series = []
    for place, one in enumerate(report.bundles):
        colour = _COLOURS[place % len(_COLOURS)]
        curve = tuple(_point(report, one, point, front, by_ms=by_ms) for point in one.curve)
        own = (_point(report, one, one.own, front, by_ms=by_ms),)
        starred = f"{one.label}, own thresholds"
        series.append(Series(name=one.label, colour=colour, mark="dot", line=True, points=curve))
        series.append(Series(name=starred, colour=colour, mark="star", whiskers=True, points=own))
    return Plot(name=f"accuracy against {name}", x=name, y="accuracy, %", series=tuple(series), front=tuple(front))


def _x(report: VersusReport, point: Operating, *, by_ms: bool) -> float:
    return point.median_ms if by_ms else point.mean_flops / unit(report).divisor


def _point(
    report: VersusReport, one: Contestant, point: Operating, front: list[tuple[float, float]], *, by_ms: bool
) -> Point:
    x, y = _x(report, point, by_ms=by_ms), 100 * point.accuracy
    low, high = point.interval
    return Point(
        x=x,
        y=y,
        x_low=point.low_ms if by_ms else None,
        x_high=point.high_ms if by_ms else None,
        y_low=100 * low,
        y_high=100 * high,
        faded=(x, y) not in front,
        label=f"{one.label}, {'own thresholds' if point is one.own else f'tau {point.taus[0]:g}'}",
        facts=(
            f"{percent(point.accuracy)} % right ({percent(low)} to {percent(high)})",
            f"{significant(point.median_ms)} ms, {unit(report).text(point.mean_flops)} {unit(report).name}",
            "leave at exit " + ", ".join(f"{k}: {percent(share)} %" for k, share in enumerate(point.shares)),
        ),
    )

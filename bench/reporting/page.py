"""The report as one HTML file."""

import json
from collections.abc import Sequence
from types import SimpleNamespace

from eeinfer.bench.reporting import plots, sentences, verdict
from eeinfer.bench.reporting.cells import Cells, break_even, overheads
from eeinfer.bench.reporting.drawings import of_bench
from eeinfer.bench.reporting.formats import (
    NONE,
    chosen,
    flops_unit,
    full_name,
    has_device_times,
    headline,
    milliseconds,
    own_name,
    percent,
    point_text,
    selection,
    times,
    use,
)
from eeinfer.bench.reporting.report import Network, Report, Threshold
from eeinfer.bench.reporting.templates import drawn, page
from eeinfer.bench.reporting.words import WORDS
from eeinfer.bench.timing.clock import Timing
from eeinfer.thresholds.binomial import share_interval

Row = tuple[str, Sequence[str]] | tuple[str, Sequence[str], int]  # CSS class, cells, and step of the slider


def html_page(report: Report) -> str:
    """Return the whole page.

    Raises:
        DependencyError: Jinja2 or matplotlib is missing.
    """
    unit = flops_unit(report)
    exits = [f"exit {k} %" for k in range(len(report.bundle.modules))]
    clock = ["mean ms", "median", "min", "p90", "p99", "vs static", "saved"]
    first, batch = next(iter(report.budgets.values())), report.settings.batch
    return page(
        "report.html",
        command="eeinfer bench",
        title=sentences.title(report),
        report=report,
        sentences=sentences,
        verdict=verdict,
        plots=SimpleNamespace(
            accuracy_against_flops=drawn(of_bench.accuracy_against_flops(report), plots.accuracy_against_flops(report)),
            accuracy_against_ms=drawn(of_bench.accuracy_against_ms(report), plots.accuracy_against_ms(report)),
            exit_shares=drawn(of_bench.exit_shares(report), plots.exit_shares(report)),
        ),
        chosen=chosen(report),
        cards=_cards(report, headline(report)),
        use=use(report, headline(report)),
        steps=_steps(report),
        columns=[report.grid.parameter, "accuracy %", unit.name, *exits, *clock],
        live=_threshold(report, report.headline)[1],
        shown=[*(_threshold(report, index) for index in selection(report)), _own(report)],
        fixed=[_network(report, network) for network in (report.static, report.all_exits, *report.cuts)],
        every=[_threshold(report, index) for index in range(len(report.thresholds))],
        per_image=f"Milliseconds are per image, in calls of {batch} images. " if batch > 1 else "",
        budget_columns=["accuracy % within a budget of", *(sentences.budget(cell.fraction) for cell in first)],
        budgets=_budgets(report),
        overheads=_plain(overheads(report)),
        device_times=has_device_times(report),
        break_even=_plain(break_even(report)),
        glossary=list(WORDS.items()),
    )


def _steps(report: Report) -> str:
    """What the slider shows at each threshold, as JSON."""
    steps = [
        {
            "name": f"{report.grid.parameter} {point_text(report, row.point)}",
            "use": use(report, row),
            "cards": _cards(report, row),
            "cells": _threshold(report, index)[1],
        }
        for index, row in enumerate(report.thresholds)
    ]
    return json.dumps(steps)


def _plain(table: Cells) -> tuple[list[str], list[Row]]:
    columns, rows = table
    return columns, [("", row) for row in rows]


def _cards(report: Report, row: Threshold) -> tuple[tuple[str, str, str], ...]:
    static, unit = report.static, flops_unit(report)
    low, high = share_interval(round(row.accuracy * report.data.images), report.data.images)
    ratio = "undefined" if row.saved_ratio is None else f"{row.saved_ratio:.2f}"
    static_ms = milliseconds(report, static.timing.mean_ms)
    return (
        (
            f"{percent(row.accuracy)} %",
            f"right, of {report.data.images} images ({percent(low)} to {percent(high)})",
            f"static network {percent(static.accuracy)} %",
        ),
        (f"{milliseconds(report, row.timing.mean_ms)} ms", "per image", f"static {static_ms} ms, {times(row.speedup)}"),
        (f"{unit.text(row.mean_flops)} {unit.name}", "per image", f"static {unit.text(static.flops)} {unit.name}"),
        (ratio, "latency saved over FLOPs saved", "1 is ideal, below 0 is slower than static"),
    )


def _threshold(report: Report, index: int) -> Row:
    row = report.thresholds[index]
    return "chosen" if index == report.headline else "", _cells(report, row, point_text(report, row.point)), index


def _own(report: Report) -> Row:
    return "own", _cells(report, report.own.threshold, own_name(report))


def _cells(report: Report, row: Threshold, name: str) -> list[str]:
    shares = [percent(share) for share in row.shares]
    saved = NONE if row.saved_ratio is None else f"{row.saved_ratio:.2f}"
    first = [name, percent(row.accuracy, 2), flops_unit(report).text(row.mean_flops), *shares]
    return [*first, *_times(report, row.timing), times(row.speedup), saved]


def _network(report: Report, network: Network) -> Row:
    blank = [""] * len(report.bundle.modules)
    speedup = times(report.static.timing.mean_ms / network.timing.mean_ms)
    first = [full_name(report, network), percent(network.accuracy, 2), flops_unit(report).text(network.flops), *blank]
    return "cut" if network in report.cuts else "fixed", [*first, *_times(report, network.timing), speedup, ""]


def _times(report: Report, timing: Timing) -> list[str]:
    values = (timing.mean_ms, timing.median_ms, timing.min_ms, timing.p90_ms, timing.p99_ms)
    return [milliseconds(report, value) for value in values]


def _budgets(report: Report) -> list[Row]:
    unit, rows = flops_unit(report), list[Row]()
    for rule, found in report.budgets.items():
        rows.append(("", [rule, *(percent(cell.accuracy, 2) for cell in found)]))
        rows.append(("sub", [report.grid.parameter, *(point_text(report, cell.point) for cell in found)]))
        rows.append(("sub", [f"mean {unit.name}", *(unit.text(cell.mean_flops) for cell in found)]))
    return rows

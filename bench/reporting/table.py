"""The report in a terminal."""

import re
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from eeinfer.bench.reporting import cells, sentences
from eeinfer.bench.reporting.formats import (
    FlopsUnit,
    chosen,
    flops_unit,
    milliseconds,
    own_name,
    percent,
    point_text,
    selection,
    times,
)
from eeinfer.bench.reporting.report import Network, Report, Threshold
from eeinfer.bench.reporting.verdict import verdict

_UNIT = re.compile(r" ((?:GPU )?ms|%)$")
_WIDE = 6  # exits from which their shares no longer fit into 80 columns


def render(report: Report) -> Group:
    """Return everything a terminal shows: the headline, the thresholds worth reading, budgets, overheads."""
    return Group(
        Text(sentences.title(report), style="bold"),
        Text(sentences.circumstances(report), style="dim"),
        Text(sentences.busy(report.environment), style="bold yellow"),
        *([Text(few, style="bold yellow")] if (few := sentences.few_rounds(report)) else []),
        _thresholds(report),
        Text(sentences.selection_note(report), style="dim"),
        Text(sentences.own(report)),
        "",
        _budgets(report),
        "",
        _shown(*cells.overheads(report)),
        "",
        *([_break_even(report), ""] if report.break_even else []),
        Text(verdict(report), style="bold"),
    )


def plain_table(*columns: str, title: str = "") -> Table:
    """Return an empty table without lines, the first column to the left and numbers to the right."""
    table = Table(
        title=title or None, title_justify="left", title_style="bold", box=None, pad_edge=False, collapse_padding=True
    )
    for position, column in enumerate(columns):
        table.add_column(column, justify="right" if position else "left", no_wrap=True)
    return table


def _thresholds(report: Report) -> RenderableType:
    unit = flops_unit(report)
    table = plain_table(
        report.grid.parameter,
        "accuracy\n%",
        unit.name,
        _share_heading(report),
        "mean\nms",
        "median (min)\nms",
        "vs\nstatic",
    )
    for index in selection(report):
        row = report.thresholds[index]
        style = "bold green" if index == report.headline else None
        table.add_row(*_threshold_cells(report, row, unit), style=style)
    table.add_row(*_threshold_cells(report, report.own.threshold, unit, own_name(report)), style="bold cyan")
    table.add_section()
    for network in (report.static, report.all_exits, *report.cuts):
        table.add_row(*_network_cells(report, network, unit))
    return table


def _threshold_cells(report: Report, row: Threshold, unit: FlopsUnit, name: str = "") -> Sequence[str]:
    return (
        name or point_text(report, row.point),
        percent(row.accuracy),
        unit.text(row.mean_flops),
        _shares(row.shares),
        milliseconds(report, row.timing.mean_ms),
        _median(report, row.timing.median_ms, row.timing.min_ms),
        times(row.speedup),
    )


def _network_cells(report: Report, network: Network, unit: FlopsUnit) -> Sequence[str]:
    return (
        network.name,
        percent(network.accuracy),
        unit.text(network.flops),
        "",
        milliseconds(report, network.timing.mean_ms),
        _median(report, network.timing.median_ms, network.timing.min_ms),
        times(report.static.timing.mean_ms / network.timing.mean_ms),
    )


def _median(report: Report, median: float, least: float) -> str:
    return f"{milliseconds(report, median)} ({milliseconds(report, least)})"


def _share_heading(report: Report) -> str:
    count = len(report.bundle.modules)
    return "% leaving at exit\n" + "".join(f"{k:>4}" for k in range(count)) if count < _WIDE else "mean\nexit"


def _shares(shares: Sequence[float]) -> str:
    if len(shares) < _WIDE:
        return "".join(f"{100 * share:4.0f}" for share in shares)
    return f"{sum(k * share for k, share in enumerate(shares)):.2f}"


def _budgets(report: Report) -> RenderableType:
    fractions = [cell.fraction for cell in next(iter(report.budgets.values()))]
    table = plain_table("accuracy % within a budget of", *(sentences.budget(fraction) for fraction in fractions))
    for rule, found in report.budgets.items():
        table.add_row(rule, *(percent(cell.accuracy) for cell in found))
    return table


def _break_even(report: Report) -> RenderableType:
    columns, rows = cells.break_even(report)
    return _shown([f"exits at {chosen(report)}", *columns[1:]], rows)


def _shown(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> RenderableType:
    """Units stand beneath what they are of, so that the table fits a terminal."""
    table = plain_table(columns[0], *(_UNIT.sub(r"\n\1", column) for column in columns[1:]))
    for row in rows:
        table.add_row(*row)
    return table

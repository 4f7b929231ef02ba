"""A comparison in the terminal, and the cells that the page shows too."""

from collections.abc import Sequence

import numpy as np
from rich.console import Group
from rich.text import Text

from eeinfer.bench.reporting.formats import NONE, FlopsUnit, percent, significant
from eeinfer.bench.reporting.table import plain_table
from eeinfer.bench.versus.advice import advice, p_text
from eeinfer.bench.versus.paired import Paired
from eeinfer.bench.versus.report import Contestant, VersusReport

PAIR_COLUMNS = ("bundle", "beside", "is it better", "points", "95 %", "p", "only it right", "only the other right")
COLUMNS = ("bundle", "accuracy %", "95 %", "ms", "over the first", "open s", "memory MB", "files MB", "same answers %")


def render_versus(report: VersusReport) -> Group:
    """Return what a terminal shows."""
    table = plain_table(*COLUMNS[:4], unit(report).name, "mean exit", *COLUMNS[4:])
    for one in report.bundles:
        table.add_row(*cells(report, one))
    for row in bands(report):
        table.add_row(*row, style="bold")
    pairs = plain_table(*PAIR_COLUMNS)
    for pair in report.pairs:
        pairs.add_row(*pair_cells(pair))
    return Group(
        Text(f"{len(report.bundles)} bundles on {report.data}: {report.images} images, at their own thresholds"),
        table,
        "",
        pairs,
        Text(advice(report), style="bold"),
    )


def unit(report: VersusReport) -> FlopsUnit:
    """One unit for all FLOPs."""
    return FlopsUnit(max(one.own.mean_flops for one in report.bundles))


def cells(report: VersusReport, one: Contestant) -> list[str]:
    """A bundle's row."""
    own, first = one.own, report.bundles[0].own
    low, high = own.interval
    return [
        one.label,
        percent(own.accuracy, 2),
        f"{percent(low)} to {percent(high)}",
        significant(own.median_ms),
        unit(report).text(own.mean_flops),
        f"{sum(k * share for k, share in enumerate(own.shares)):.2f}",
        f"{own.median_ms / first.median_ms:.2f}x",
        significant(one.open_s),
        NONE if one.increase_mb is None else f"{one.increase_mb:.0f}",
        f"{one.file_mb:.1f}",
        percent(one.agreement),
    ]


def pair_cells(pair: Paired) -> list[str]:
    """Two bundles' row: whether the second is better than the first, on the same images."""
    low, high = (100 * end for end in pair.interval)
    better = "not shown" if not pair.sure else "yes" if pair.difference > 0 else "no, worse"
    alone = (str(pair.only_other), str(pair.only_one))
    points = f"{100 * pair.difference:+.2f}", f"{low:+.2f} to {high:+.2f}"
    return [pair.other, pair.one, better, *points, p_text(pair.p_corrected), *alone]


def bands(report: VersusReport) -> list[list[str]]:
    """A row for each group of bundles that differ in their seed alone: mean and deviation over them."""
    groups: dict[str, list[Contestant]] = {}
    for one in report.bundles:
        groups.setdefault(one.group, []).append(one)
    return [_band(report, group) for group in groups.values() if len({one.seed for one in group}) == len(group) > 1]


def _band(report: VersusReport, group: Sequence[Contestant]) -> list[str]:
    accuracy, ms = _spread([100 * one.own.accuracy for one in group]), _spread([one.own.median_ms for one in group])
    flops = unit(report).text(float(np.mean([one.own.mean_flops for one in group])))
    return [f"mean of {', '.join(one.label for one in group)}", accuracy, "", ms, flops, *[""] * 6]


def _spread(values: Sequence[float]) -> str:
    return f"{significant(float(np.mean(values)))} ± {significant(float(np.std(values, ddof=1)))}"

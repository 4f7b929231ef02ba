"""A table of text in LaTeX (booktabs), Markdown and CSV."""

import re
from typing import TYPE_CHECKING

from eeinfer.bench.reporting.files import csv_text
from eeinfer.bench.study.results.network_tables import LAYER_COLUMNS, layers_csv_rows
from eeinfer.bench.study.results.shapes import Results
from eeinfer.bench.study.results.tables import TextTable

if TYPE_CHECKING:
    from rich.table import Table

_SPECIAL = re.compile(r"([&%$#_{}])")


def rendered(table: TextTable) -> "Table":
    """Return the table for a terminal."""
    from eeinfer.bench.reporting.table import plain_table

    found = plain_table(*table.columns, title=table.title)
    for row in table.rows:
        found.add_row(*row)
    return found


def latex(table: TextTable) -> str:
    r"""Return a ``table`` with its caption; the document needs ``\usepackage{booktabs}``."""
    texts = sum(not column[0].isdigit() and column != "Max" for column in table.columns)
    lines = [" & ".join(map(_tex, row)) + r" \\" for row in table.rows]
    return "\n".join(
        [
            r"\begin{table}",
            rf"\caption{{{_tex(table.title[:1].upper() + table.title[1:])}.}}",
            rf"\begin{{tabular}}{{{'l' * texts}{'r' * (len(table.columns) - texts)}}}",
            r"\toprule",
            " & ".join(map(_tex, table.columns)) + r" \\",
            r"\midrule",
            *lines,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def markdown(table: TextTable) -> str:
    """Return the table with its title as a paragraph before it."""
    rows = [table.columns, ("---",) * len(table.columns), *table.rows]
    body = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{table.title[:1].upper()}{table.title[1:]}.\n\n{body}\n"


def curves_csv(results: Results) -> str:
    """Return one row for each set of labels and threshold, mean over seeds."""
    names = results.plan.factors
    rows = [
        (
            *(line.labels.get(name, "") for name in names),
            line.phases,
            len(line.seeds),
            point,
            line.accuracy[t],
            "" if line.accuracy_std is None else line.accuracy_std[t],
            line.flops[t],
            round(line.flops[t] / line.static_flops, 6),
            line.ms[t],
        )
        for line in results.lines
        for t, point in enumerate(line.points)
    ]
    columns = ("threshold", "accuracy", "accuracy_std", "mean_flops", "share_of_static_flops", "mean_ms")
    return csv_text((*names, "phases", "seeds", *columns), rows)


def budgets_csv(results: Results) -> str:
    """Return one row for each cell of every budget table and each seed."""
    names = results.plan.factors
    rows = [
        (
            *(row.labels.get(name, "") for name in names),
            row.phases,
            row.rule,
            row.cost,
            "Max" if cell.fraction is None else cell.fraction,
            seed,
            accuracy,
            cell.cost,
            "" if cell.point is None else cell.point,
        )
        for row in results.rows
        for cell in row.cells
        for seed, accuracy in zip(row.seeds, cell.by_seed, strict=False)
    ]
    columns = ("rule", "cost", "budget", "seed", "accuracy", "mean_cost_share", "threshold")
    return csv_text((*names, "phases", *columns), rows)


def layers_csv(results: Results) -> str:
    """Return one row for each set of labels and layer that was looked at, mean over seeds."""
    return csv_text((*results.plan.factors, *LAYER_COLUMNS), layers_csv_rows(results))


def _tex(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text).replace("±", r"$\pm$")

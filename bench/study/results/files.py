"""The results of a study as files in one folder."""

from pathlib import Path

from eeinfer.bench.reporting.files import write_all
from eeinfer.bench.study.report.page import study_page
from eeinfer.bench.study.results.budgets import COSTS, RULES
from eeinfer.bench.study.results.formats import budgets_csv, curves_csv, latex, layers_csv, markdown
from eeinfer.bench.study.results.network_tables import network_tables
from eeinfer.bench.study.results.shapes import Results
from eeinfer.bench.study.results.tables import TextTable, budget_table, difference_table, effort_table, exit_table


def write_results(results: Results, folder: Path) -> None:
    """Write study.json, results.json, curves.csv, budgets.csv, tables.tex, tables.md and report.html, each in
    one step.

    Where networks were looked at, layers.csv too.

    Raises:
        InputError: the folder cannot be written to.
    """
    write_all(
        folder,
        {
            "study.json": results.plan.to_json,
            "results.json": results.to_json,
            "curves.csv": lambda: curves_csv(results).encode(),
            "budgets.csv": lambda: budgets_csv(results).encode(),
            **({"layers.csv": lambda: layers_csv(results).encode()} if results.networks else {}),
            "tables.tex": lambda: "\n".join(map(latex, tables_of(results))).encode(),
            "tables.md": lambda: "\n".join(map(markdown, tables_of(results))).encode(),
            "report.html": lambda: study_page(results).encode(),
        },
    )


def tables_of(results: Results) -> list[TextTable]:
    """Return every table that has rows: budgets and differences under each rule and cost, exits, effort, networks."""
    pairs = [(rule, cost) for cost in COSTS for rule in RULES]
    budgets = [table(results, *pair) for pair in pairs for table in (budget_table, difference_table)]
    others = (exit_table(results), effort_table(results), *network_tables(results))
    return [table for table in (*budgets, *others) if table.rows]

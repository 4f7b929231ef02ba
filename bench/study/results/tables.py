"""Tables of results as cells of text, which the terminal, LaTeX and Markdown set in their own ways."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from eeinfer.bench.study.results.shapes import FLOPS, Cell, Difference, Results, Row, Theirs
from eeinfer.bench.sweep.budget import FRACTIONS, LAST_AFFORDABLE

COLUMNS = ("25 %", "50 %", "75 %", "100 %", "Max")
NONE = "-"  # even the first exit costs more


@dataclass(frozen=True, kw_only=True)
class TextTable:
    """A table of text."""

    title: str  # says what the numbers are
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def budget_table(results: Results, rule: str, cost: str) -> TextTable:
    """Return the 25 / 50 / 75 / 100 / Max table under one rule, in per cent, with the paper's rows below ours."""
    names = results.plan.factors
    rows = [row for row in results.rows if (row.rule, row.cost) == (rule, cost)]
    theirs = results.theirs if (rule, cost) == (LAST_AFFORDABLE, FLOPS) else ()
    told = (*(_ours(row, names) for row in rows), *(_theirs(row, names) for row in theirs))
    return TextTable(
        title=f"test accuracy in per cent within a budget of mean {cost}, of the network without exits; rule: {rule}"
        + _why_empty(told, "even leaving at the first exit is beyond the budget"),
        columns=(*names, "phases", "seeds", *COLUMNS),
        rows=told,
    )


def difference_table(results: Results, rule: str, cost: str) -> TextTable:
    """Return the paired differences under one rule, in points of a per cent."""
    names = results.plan.factors
    found: dict[tuple[str, ...], list[Difference]] = {}
    for each in results.differences:
        if (each.rule, each.cost) == (rule, cost):
            pair = f"{each.first} - {each.second}"
            key = tuple(pair if name == each.factor else each.labels.get(name, "") for name in names)
            found.setdefault(key, []).append(each)
    rows = tuple((*key, str(max(len(d.seeds) for d in each)), *_by_column(each)) for key, each in found.items())
    return TextTable(
        title=f"paired differences in points within a budget of mean {cost}; mean over seeds and 95 % interval, "
        f"bootstrap over seeds; rule: {rule}"
        + _why_empty(rows, "for one of the two even leaving at the first exit is beyond the budget"),
        columns=(*names, "seeds", *COLUMNS),
        rows=rows,
    )


def exit_table(results: Results) -> TextTable:
    """Return what each exit alone would answer, in per cent."""
    names, most = results.plan.factors, max((len(line.exits) for line in results.lines), default=0)
    rows = [
        (
            *(line.labels.get(name, "") for name in names),
            *(number(100 * exit.mean, None if exit.std is None else 100 * exit.std) for exit in line.exits[:-1]),
            *[""] * (most - len(line.exits)),
            number(100 * line.exits[-1].mean, None if line.exits[-1].std is None else 100 * line.exits[-1].std),
        )
        for line in results.lines
    ]
    exits = (*(f"exit {k}" for k in range(most - 1)), "last")
    return TextTable(title="test accuracy of each exit alone, in per cent", columns=(*names, *exits), rows=tuple(rows))


def effort_table(results: Results) -> TextTable:
    """Return what training took, mean over seeds."""
    names = results.plan.factors
    rows = [
        (
            *(effort.labels.get(name, "") for name in names),
            f"{effort.phase}{' (shared)' if effort.shared else ''}",
            f"{effort.epochs:g}",
            f"{effort.seconds:.0f}",
            f"{effort.flops / 1e12:.3g}",
        )
        for effort in results.efforts
    ]
    return TextTable(
        title="what training took, by phase, mean over seeds; seconds of the wall clock, beside whatever else ran",
        columns=(*names, "phase", "epochs", "seconds", "TFLOPs"),
        rows=tuple(rows),
    )


def number(mean: float, std: float | None) -> str:
    """Return a mean with its deviation, two digits behind the point as in the paper."""
    return f"{mean:.2f}" if std is None else f"{mean:.2f} ± {std:.2f}"


def _why_empty(rows: Iterable[Sequence[str]], why: str) -> str:
    """Return the end of a title that says what a dash among the budgets means; nothing where there is none."""
    return f"; a dash: {why}" if any(NONE in row[-len(COLUMNS) :] for row in rows) else ""


def _ours(row: Row, names: Sequence[str]) -> tuple[str, ...]:
    labels = (row.labels.get(name, "") for name in names)
    return (*labels, row.phases, str(len(row.seeds)), *(_cell(cell) for cell in row.cells))


def _theirs(row: Theirs, names: Sequence[str]) -> tuple[str, ...]:
    labels = [row.labels.get(name, "") for name in names]
    return (f"paper: {labels[0]}", *labels[1:], "", "4", *(number(mean, std) for mean, std in row.cells))


def _cell(cell: Cell) -> str:
    if cell.accuracy is None:
        return NONE
    return number(100 * cell.accuracy.mean, None if cell.accuracy.std is None else 100 * cell.accuracy.std)


def _by_column(differences: Iterable[Difference]) -> tuple[str, ...]:
    by_fraction = {difference.fraction: difference for difference in differences}
    return tuple(_difference(by_fraction.get(fraction)) for fraction in FRACTIONS)


def _difference(found: Difference | None) -> str:
    if found is None:
        return NONE
    spread = "" if found.low is None or found.high is None else f" [{100 * found.low:+.2f}, {100 * found.high:+.2f}]"
    return f"{100 * found.mean:+.2f}{spread}"

"""What of a study belongs together on its page: everything alike in all factors but the one that is compared."""

from dataclasses import dataclass

from eeinfer.bench.study.results.shapes import FLOPS, Cell, Difference, Line, Results, Row
from eeinfer.bench.sweep.budget import LAST_AFFORDABLE

REGIME = "regime"
_TELLING = (REGIME, "set-up", "system")  # factors whose values are names


@dataclass(frozen=True, kw_only=True)
class Context:
    """The values of a factor, all else being the same."""

    factor: str
    labels: dict[str, str]  # of all other factors
    values: tuple[str, ...]  # of the factor, in the order of the study

    @property
    def name(self) -> str:
        """The labels in one line, with what they are of where they do not say it; empty where nothing else differs."""
        told = (value if of in _TELLING else f"{of} {value}" for of, value in self.labels.items())
        return ", ".join(told)

    @property
    def values_alone(self) -> str:
        """The labels in one line, for an axis that says what they are of."""
        return ", ".join(self.labels.values())

    def has(self, labels: dict[str, str]) -> bool:
        """Whether something with these labels, the factor's own aside, belongs here."""
        return {name: value for name, value in labels.items() if name != self.factor} == self.labels


def contexts_of(results: Results, factor: str) -> tuple[Context, ...]:
    """Return one context for each set of the other labels that has at least one finished run."""
    found: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for line in results.lines:
        others = tuple((name, value) for name, value in line.labels.items() if name != factor)
        found.setdefault(others, []).append(line.labels[factor])
    return tuple(Context(factor=factor, labels=dict(key), values=tuple(values)) for key, values in found.items())


def lines_in(results: Results, context: Context) -> dict[str, Line]:
    """Return the curves of a context by the factor's value."""
    return {line.labels[context.factor]: line for line in results.lines if context.has(line.labels)}


def rows_in(results: Results, context: Context) -> dict[str, Row]:
    """Return the rows in FLOPs, under the paper's rule, by the factor's value."""
    return {
        row.labels[context.factor]: row
        for row in results.rows
        if (row.rule, row.cost) == (LAST_AFFORDABLE, FLOPS) and context.has(row.labels)
    }


def cell_of(row: Row, fraction: float | None) -> Cell:
    """Return what a row has within a budget."""
    return next(cell for cell in row.cells if cell.fraction == fraction)


def lead(results: Results, context: Context, fraction: float | None, one: str, other: str) -> tuple[float, ...]:
    """Return by how much `one` is more accurate than `other`, seed by seed; empty where they share no seed."""
    for found in results.differences:
        if _is_of(found, context, fraction) and {found.first, found.second} == {one, other}:
            sign = 1 if found.first == one else -1
            return tuple(sign * each for each in found.by_seed)
    return ()


def _is_of(found: Difference, context: Context, fraction: float | None) -> bool:
    same = (found.rule, found.cost, found.factor) == (LAST_AFFORDABLE, FLOPS, context.factor)
    return same and found.fraction == fraction and found.labels == context.labels

"""The answer of a study in plain words: what to take within which budget, and how sure that is.

A value is called better than another where every seed that both have says so, and at least two do. That is no test:
two seeds agree by chance every second time, three every fourth (the sign test's p for n seeds is 2^(1 - n)). The
sentences therefore say how many seeds there were.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace

from eeinfer.bench.study.report.contexts import REGIME, Context, cell_of, contexts_of, lead, lines_in, rows_in
from eeinfer.bench.study.results.shapes import Results

BUDGETS = {0.25: "a quarter of the cost", 0.5: "half of the cost", 1.0: "the whole cost"}
HOW_SURE = (
    "Better means: in every seed that both have, of at least two. Two seeds agree by chance every second time, three "
    "every fourth, so take a small lead as a hint. Costs are mean FLOPs per image; the cost is that of the network "
    "without exits; the threshold was chosen on other images than those the accuracy is of."
)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What to take in one context within one budget."""

    fraction: float
    best: str  # the most accurate on average
    accuracy: float
    level: tuple[str, ...]  # those that the seeds do not put behind it
    behind: tuple[tuple[str, float, int], ...]  # value, by how much on average, and in how many seeds
    seeds: int  # of the best
    dear: tuple[str, ...]  # whose first exit costs more than the budget


def choices(results: Results, context: Context) -> tuple[Choice, ...]:
    """Return a choice for each budget that buys at least one value of the factor."""
    found = (_choice(results, context, fraction) for fraction in BUDGETS)
    return tuple(choice for choice in found if choice is not None)


def too_dear(results: Results, context: Context, fraction: float) -> tuple[str, ...]:
    """Return the values of the factor whose first exit alone costs more than a budget."""
    rows = rows_in(results, context)
    return tuple(value for value, row in rows.items() if cell_of(row, fraction).accuracy is None)


def sentences(results: Results) -> list[str]:
    """Return the answer, a sentence for each thing that a study compares."""
    texts = (f"{_place(context)}{_advice(found)}." for context, found in _compared(results))
    return [text[:1].upper() + text[1:] if text.startswith("take ") else text for text in texts]


def reasons(results: Results) -> SimpleNamespace:
    """Return the table behind the sentences: what to take within each budget, and what it is ahead of by how much."""
    rows = [
        ("", [_place(context).removesuffix(": ") or "all runs", text, *_row(results, context, chosen.get(fraction))])
        for context, found in _compared(results)
        for chosen in ({one.fraction: one for one in found},)
        for fraction, text in BUDGETS.items()
    ]
    return SimpleNamespace(columns=["", "within", "take", "accuracy %", "ahead of, points"], rows=rows)


def _row(results: Results, context: Context, choice: Choice | None) -> tuple[str, str, str]:
    """What to take, its accuracy and what lies behind it; where the budget buys nothing, why."""
    if choice is not None:
        return _names(choice), *_numbers(choice)
    least = min(min(line.flops) / line.static_flops for line in lines_in(results, context).values())
    return f"nothing: leaving at the first exit costs {100 * least:.0f} % of the whole", "-", "-"


def _compared(results: Results) -> list[tuple[Context, tuple[Choice, ...]]]:
    """Every context in which something can be told, the regimes first; not of networks that cost different amounts."""
    contexts = [
        context
        for factor in sorted(results.plan.factors, key=lambda name: name != REGIME)
        for context in contexts_of(results, factor)
        if len(context.values) > 1 and len({line.static_flops for line in lines_in(results, context).values()}) == 1
    ]
    found = [(context, choices(results, context)) for context in contexts]
    return [(context, each) for context, each in found if any(choice.behind or choice.level for choice in each)]


def _advice(found: Sequence[Choice]) -> str:
    """Say what to take, budgets with the same answer together."""
    budgets: dict[str, list[str]] = {}
    for choice in found:
        budgets.setdefault(_names(choice), []).append(BUDGETS[choice.fraction])
    parts = [f"{names} within {' and '.join(within)}" for names, within in budgets.items()]
    only = len(parts) == 1 and len(found) == len(BUDGETS)
    return f"take {next(iter(budgets))} whatever the budget" if only else f"take {'; '.join(parts)}"


def _place(context: Context) -> str:
    """What the choice is for, and of what where it is of no regime."""
    parts = [part for part in (context.name, "" if context.factor == REGIME else context.factor) if part]
    return f"{', '.join(parts)}: " if parts else ""


def _choice(results: Results, context: Context, fraction: float) -> Choice | None:
    rows = rows_in(results, context)
    cells = {value: cell_of(row, fraction) for value, row in rows.items()}
    means = {value: cell.accuracy.mean for value, cell in cells.items() if cell.accuracy is not None}
    if not means:
        return None
    best = max(means, key=lambda value: means[value])
    leads = {value: lead(results, context, fraction, best, value) for value in means if value != best}
    compared = {value: each for value, each in leads.items() if each}
    return Choice(
        fraction=fraction,
        best=best,
        accuracy=means[best],
        level=tuple(value for value, each in compared.items() if not _better(each)),
        behind=tuple((v, sum(each) / len(each), len(each)) for v, each in compared.items() if _better(each)),
        seeds=len(rows[best].seeds),
        dear=too_dear(results, context, fraction),
    )


def _better(lead: tuple[float, ...]) -> bool:
    return len(lead) > 1 and min(lead) > 0


def _names(choice: Choice) -> str:
    if not choice.behind:
        told = "the seeds do not agree" if choice.seeds > 1 else "in the only seed"
        return f"any ({choice.best} is highest, {told})"
    return " or ".join((choice.best, *choice.level))


def _numbers(choice: Choice) -> tuple[str, str]:
    """The accuracy, and what lies behind: the nearest first, with the seeds that say so."""
    parts = [
        f"{value} by {100 * by:.2f} ({'both' if count == 2 else f'all {count}'} seeds)"
        for value, by, count in sorted(choice.behind, key=lambda one: one[1])
    ]
    alone = " (one seed)" if choice.seeds == 1 else ""
    told = [", ".join(parts)] if parts else []
    if choice.dear:
        told.append(f"too dear: {', '.join(choice.dear)}, whose first exit costs more")
    return f"{100 * choice.accuracy:.2f}{alone}", "; ".join(told) or "-"

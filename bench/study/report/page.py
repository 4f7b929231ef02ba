"""The page: the answer, then the figures, then the numbers behind them."""

import re
from types import SimpleNamespace
from typing import Any

from eeinfer.bench.reporting.page import Row
from eeinfer.bench.reporting.templates import drawn, html, page
from eeinfer.bench.reporting.words import WORDS
from eeinfer.bench.study.report import answer, networks, plots
from eeinfer.bench.study.report.contexts import REGIME, Context, contexts_of
from eeinfer.bench.study.results.budgets import COSTS, RULES
from eeinfer.bench.study.results.network_tables import network_tables
from eeinfer.bench.study.results.shapes import FLOPS, MS, Results
from eeinfer.bench.study.results.tables import TextTable, budget_table, difference_table, effort_table, exit_table

_WORDS = {
    "regime": "in which order backbone and exits are trained: which of the three phases there are, + or -.",
    "phases": "1: the network alone; 2: everything together; 3: the exits alone, on a frozen network.",
    "disjoint": "phases 1 and 3 (+-+): the exits see a network that was trained without them and no longer changes.",
    "joint": "phase 2 (-+-): everything from the start.",
    "mixed": "phases 1 and 2 (++-): the network first, then everything together.",
    "joint (matched)": "joint for as many epochs as mixed has in both of its phases.",
    "rank": "how many directions a layer uses: eigenvalues of its covariance above a thousandth of the largest.",
    "information": "what four numbers of a layer, with noise of one size for all networks, still tell of the input.",
    "overthinking": "a later exit is wrong where an earlier one was right.",
    "filter length": "how far every filter is from zero: at distance 1 the step is as long as the weights.",
    "budget": "what an image may cost on average, as a share of the network without exits. Max: no limit.",
    "seed": "a run's own start and order of images. Bands and ± are the deviation over seeds.",
}
_DISTURBED = "times were taken beside other work and are rough: they tell no regimes apart, --retime takes them again"
_TAKEN = ("exit", "score", "tau", "FLOPs")


def study_page(results: Results) -> str:
    """Return the whole page.

    Raises:
        DependencyError: Jinja2 is missing.
    """
    contexts = contexts_of(results, REGIME)
    looked_at = [found for context in contexts if (found := networks.section(results, context)) is not None]
    return page(
        "study.html",
        command=f"eeinfer study {results.plan.name}",
        title=results.plan.question,
        answers=[*answer.sentences(results), *(one.sentence for one in looked_at if len(contexts) == 1)],
        reasons=answer.reasons(results),
        how_sure=answer.HOW_SURE,
        clock=f"The same thresholds by the clock, batch 1{'' if results.timed_alone else f'; {_DISTURBED}'}.",
        unfinished=_unfinished(results),
        overview=[
            (f"Within {text}", drawn(plots.side_by_side(results, fraction), ""))
            for fraction, text in answer.BUDGETS.items()
            if len(contexts) > 1
        ],
        gaps=any(answer.too_dear(results, context, budget) for context in contexts for budget in answer.BUDGETS),
        sections=[_section(results, context) for context in contexts],
        networks=looked_at,
        tables=[_table(results, budget_table(results, RULES[0], FLOPS))],
        differences=[_table(results, difference_table(results, RULES[0], FLOPS))],
        theirs=bool(results.theirs),
        further=[_table(results, table) for table in _further(results) if table.rows],
        effort=drawn(plots.effort(results), ""),
        facts=_facts(results),
        settings=[(name, "none" if value in (None, []) else str(value)) for name, value in results.settings.items()],
        glossary=[*_WORDS.items(), *((word, WORDS[word]) for word in _TAKEN)],
    )


def _section(results: Results, context: Context) -> SimpleNamespace:
    return SimpleNamespace(
        name=context.name or "Accuracy against cost",
        by_flops=drawn(plots.curve(results, context, FLOPS), ""),
        by_ms=drawn(plots.curve(results, context, MS), ""),
        left=drawn(plots.exits_left(results, context), ""),
        exits=drawn(plots.single_exits(results, context), ""),
    )


def _further(results: Results) -> list[TextTable]:
    """Every table that does not stand on the page by itself."""
    pairs = [(rule, cost) for cost in COSTS for rule in RULES][1:]
    others = [table(results, *pair) for pair in pairs for table in (budget_table, difference_table)]
    return [*others, exit_table(results), effort_table(results), *network_tables(results)]


def _table(results: Results, table: TextTable) -> SimpleNamespace:
    rows: list[Row] = [
        ("fixed" if row[0].startswith("paper: ") else "", tuple(map(_unbroken, row))) for row in table.rows
    ]
    title = table.title[:1].upper() + table.title[1:]
    if "of mean ms" in title and not results.timed_alone:
        title = f"{title}; {_DISTURBED}"
    return SimpleNamespace(title=title, columns=table.columns, rows=rows)


def _unbroken(cell: str) -> Any:  # text, or HTML of our own
    """Hold both ends of an interval on one line; it may stand on a line below its mean."""
    found = re.fullmatch(r"([-+.\d]+ \[[-+.\d]+,) ([-+.\d]+\])", cell)
    return cell if found is None else html(f"{found[1]}&nbsp;{found[2]}")


def _unfinished(results: Results) -> str:
    count, whole = len(results.missing), len({point.key for point in results.plan.points})
    return f"{count} of {whole} runs are not finished; the same command goes on." if count else ""


def _facts(results: Results) -> list[tuple[str, str]]:
    """What was run and what it took."""
    plan = results.plan
    seeds = ", ".join(map(str, sorted({seed for line in results.lines for seed in line.seeds})))
    size = " --size paper" if plan.size == "paper" else ""
    made = len({point.key for point in plan.points}) - len(results.missing)
    return [
        ("of the paper", plan.shows or "nothing: the paper does not ask this"),
        ("size", plan.size),
        ("runs", f"{made}, seeds {seeds}"),
        ("images", f"{_numbers(results.train_images)} to train, {_numbers(results.test_images)} to test"),
        ("training", f"{results.train_seconds / 60:.0f} minutes of one thread each, beside whatever else ran"),
        ("compute", f"{results.train_flops / 1e12:.3g} TFLOPs, a phase 1 that runs share counted once"),
        ("processor", ", ".join(results.processors)),
        ("command", f"eeinfer study {plan.name}{size} --seeds {seeds.count(',') + 1}"),
    ]


def _numbers(values: tuple[int, ...]) -> str:
    return " or ".join(f"{value:,}" for value in values)

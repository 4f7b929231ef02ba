"""The answer in words, in cases whose order is known."""

from dataclasses import replace

import msgspec
import pytest
from small_studies import tiny_runs
from study_records import record

from eeinfer.bench.study.report.answer import BUDGETS, choices, reasons, sentences, too_dear
from eeinfer.bench.study.report.contexts import contexts_of
from eeinfer.bench.study.results.results import results_of
from eeinfer.bench.study.results.shapes import Results
from eeinfer.bench.study.runs import Run, Study

LOW, MIDDLE, HIGH = (50, 60, 70, 80), (55, 65, 75, 85), (60, 70, 80, 90)


def results(accuracies: dict[str, list[tuple[int, ...]]]) -> Results:
    """The results of runs of each regime, one accuracy curve for each seed."""
    runs, records = list[Run](), {}
    for seed in range(max(map(len, accuracies.values()))):
        for run in tiny_runs(*accuracies, seed=seed):
            if seed < len(accuracies[run.labels["regime"]]):
                runs.append(run)
                records[run.key] = record(run.key, test=accuracies[run.labels["regime"]][seed])
    study = Study(name="mine", size="given", question="Which?", runs=tuple(runs))
    return results_of(study, records)


def test_what_leads_in_every_seed_is_taken() -> None:
    found = results({"disjoint": [LOW, LOW], "mixed": [HIGH, MIDDLE]})
    assert sentences(found) == ["Take mixed whatever the budget."]
    (context,) = contexts_of(found, "regime")
    first = choices(found, context)[0]
    assert (first.best, first.level, first.seeds) == ("mixed", (), 2)
    assert first.behind == (("disjoint", pytest.approx(0.075), 2),)
    assert reasons(found).rows[0][1][-1] == "disjoint by 7.50 (both seeds)"


def test_seeds_that_do_not_agree_decide_nothing() -> None:
    found = results({"disjoint": [LOW, HIGH], "mixed": [LOW, LOW]})
    assert sentences(found) == ["Take any (disjoint is highest, the seeds do not agree) whatever the budget."]


def test_one_seed_decides_nothing_and_says_so() -> None:
    found = results({"disjoint": [LOW], "mixed": [HIGH]})
    assert "the only seed" in sentences(found)[0]
    assert "(one seed)" in reasons(found).rows[0][1][3]


def test_what_is_level_with_the_best_is_named_beside_it() -> None:
    found = results({"disjoint": [LOW, LOW], "joint": [HIGH, MIDDLE], "mixed": [MIDDLE, HIGH]})
    assert sentences(found) == ["Take joint or mixed whatever the budget."]


def dearer(found: dict[str, tuple[int, int]]) -> Results:
    """Two regimes and two seeds of each, with these FLOPs of both exits; the network without exits costs 100."""
    runs = tuple(run for seed in (0, 1) for run in tiny_runs(*found, seed=seed))
    records = {
        run.key: msgspec.structs.replace(record(run.key, test=HIGH), exit_flops=found[run.labels["regime"]])
        for run in runs
    }
    return results_of(Study(name="mine", size="given", question="Which?", runs=runs), records)


def test_a_budget_that_buys_nothing_has_a_row_that_says_why() -> None:
    found = dearer({"disjoint": (31, 105), "mixed": (40, 105)})
    assert reasons(found).rows[0][1][1:] == [
        "a quarter of the cost",
        "nothing: leaving at the first exit costs 31 % of the whole",
        "-",
        "-",
    ]
    assert [row[1] for _, row in reasons(found).rows] == [*BUDGETS.values()]


def test_what_is_too_dear_for_a_budget_is_named() -> None:
    found = dearer({"disjoint": (20, 105), "joint": (20, 105), "mixed": (40, 105)})
    first = reasons(found).rows[0][1]
    assert first[-1] == "too dear: mixed, whose first exit costs more"
    (context,) = contexts_of(found, "regime")
    assert too_dear(found, context, 0.25) == ("mixed",)
    assert too_dear(found, context, 0.5) == ()


def test_one_regime_alone_has_no_answer() -> None:
    assert sentences(results({"mixed": [LOW, LOW]})) == []


def test_networks_of_other_cost_are_not_set_against_each_other() -> None:
    """A quarter of the cost would mean two things."""
    cheap, dear = tiny_runs("mixed", "joint"), tiny_runs("mixed", "joint", seed=1)
    runs = tuple(
        Run(config=run.config, labels={"set-up": name, **run.labels})
        for name, each in (("one", cheap), ("other", dear))
        for run in each
    )
    records = {run.key: record(run.key, test=HIGH) for run in runs}
    for run in dear:
        records[run.key] = msgspec.structs.replace(records[run.key], static_flops=200)
    found = results_of(Study(name="mine", size="given", question="Which?", runs=runs), records)
    assert [text.partition(":")[0] for text in sentences(found)] == ["one", "other"]


def test_values_that_do_not_say_what_they_are_of_are_told_with_their_factor() -> None:
    runs, records = list[Run](), {}
    for seed in (0, 1):
        for value, regime, right in (("0.1", "mixed", HIGH), ("0.1", "joint", LOW), ("0.2", "mixed", MIDDLE)):
            [run] = tiny_runs(regime, seed=seed)
            config = replace(run.config, phase2=replace(run.config.phase2, lr=float(value)))
            runs.append(Run(config=config, labels={"lr of phase 2": value, **run.labels}))
            records[runs[-1].key] = record(runs[-1].key, test=right)
    found = results_of(Study(name="mine", size="given", question="Which?", runs=tuple(runs)), records)
    assert sentences(found) == [
        "lr of phase 2 0.1: take mixed whatever the budget.",
        "mixed, lr of phase 2: take 0.1 whatever the budget.",
    ]

import msgspec
import pytest
from small_studies import tiny_runs
from study_records import record

from eeinfer.bench.study.records import RunRecord
from eeinfer.bench.study.results.differences import differences_between, interval
from eeinfer.bench.study.results.files import tables_of
from eeinfer.bench.study.results.formats import curves_csv, latex, markdown
from eeinfer.bench.study.results.groups import Group
from eeinfer.bench.study.results.paper import theirs_for
from eeinfer.bench.study.results.results import results_of
from eeinfer.bench.study.results.shapes import FLOPS, Results
from eeinfer.bench.study.results.tables import budget_table, difference_table
from eeinfer.bench.study.runs import Run, Study
from eeinfer.bench.sweep.budget import LAST_AFFORDABLE

RUNS = tiny_runs("disjoint", "joint", "mixed")


def results(runs: tuple[Run, ...] = RUNS, made: tuple[Run, ...] = RUNS, name: str = "mine") -> Results:
    accuracies = {"disjoint": (50, 60, 70, 80), "joint": (55, 65, 75, 80), "mixed": (60, 66, 76, 80)}
    records = {run.key: record(run.key, test=accuracies[run.labels["regime"]]) for run in made}
    return results_of(Study(name=name, size="given", question="?", runs=runs), records)


def test_a_table_says_what_its_dashes_mean_where_it_has_some() -> None:
    dear = {run.key: msgspec.structs.replace(record(run.key, test=(50,) * 4), exit_flops=(31, 105)) for run in RUNS}
    found = results_of(Study(name="mine", size="given", question="?", runs=RUNS), dear)
    table, pairs = (make(found, LAST_AFFORDABLE, FLOPS) for make in (budget_table, difference_table))
    assert [row[-5] for row in (*table.rows, *pairs.rows)] == ["-"] * 6
    assert table.title.endswith("; a dash: even leaving at the first exit is beyond the budget")
    assert pairs.title.endswith("; a dash: for one of the two even leaving at the first exit is beyond the budget")
    assert "a dash" not in budget_table(results(), LAST_AFFORDABLE, FLOPS).title


def test_differences_pair_seeds_and_name_who_leads() -> None:
    found = [d for d in results().differences if (d.rule, d.cost, d.fraction) == (LAST_AFFORDABLE, FLOPS, 0.25)]
    assert {(d.first, d.second): round(d.mean, 6) for d in found} == {
        ("joint", "disjoint"): 0.05,
        ("mixed", "disjoint"): 0.10,
        ("mixed", "joint"): 0.05,
    }
    assert found[0].low is None  # one seed says nothing of others


def test_differences_are_of_the_seeds_that_both_have() -> None:
    few = Group(labels={"regime": "joint"}, seeds=(1,), records=(record("a", test=(50, 60, 70, 80)),))
    many = Group(
        labels={"regime": "mixed"},
        seeds=(0, 1),
        records=(record("b", test=(9, 9, 9, 9), stayed=(0, 60, 80, 100)), record("c", test=(50, 64, 70, 80))),
    )
    [found] = [d for d in differences_between([few, many], LAST_AFFORDABLE, FLOPS) if d.fraction == 0.5]
    assert found.seeds == (1,)
    assert found.mean == pytest.approx(0.04)  # seed 0, whose costs are higher, has no say in the threshold


def test_the_bootstrap_interval_of_few_seeds_reaches_to_the_outermost() -> None:
    assert interval([0.1, 0.2, 0.3]) == pytest.approx((0.1, 0.3))
    assert interval([0.2, 0.2]) == pytest.approx((0.2, 0.2))
    low, high = interval([0.0] * 20 + [1.0] * 20)
    assert (low, high) == pytest.approx((0.35, 0.65), abs=0.03)  # binomial: 0.5 +- 1.96 * sqrt(0.25 / 40)


def test_what_is_not_there_yet_is_named() -> None:
    found = results(made=RUNS[:1])
    assert found.missing == (RUNS[1].key, RUNS[2].key)
    assert [line.labels["regime"] for line in found.lines] == ["disjoint"]


def test_a_shared_phase_1_is_paid_once() -> None:
    """Each record written by hand has a phase 1 of 3 s; disjoint and mixed share it."""
    assert results().train_seconds == 6.0
    assert results().train_flops == 1.2e6


def test_results_come_back_from_json() -> None:
    assert Results.from_json(results().to_json()) == results()


def test_a_record_comes_back_from_json() -> None:
    one = record("a", test=(1, 2, 3, 4))
    assert RunRecord.from_json(one.to_json()) == one
    assert b"\n" not in msgspec.json.encode(one)


def test_the_papers_rows_stand_below_ours_and_are_marked() -> None:
    tables = tables_of(results(name="frequency"))
    assert tables[0].rows[-1][0].startswith("paper: ")
    assert "72.14 ± 1.05" in tables[0].rows[-1]
    assert not any("paper" in cell for table in tables[1:] for row in table.rows for cell in row)
    assert theirs_for("regimes") == ()


def test_tables_in_latex_and_markdown() -> None:
    table = tables_of(results())[0]
    assert r"25 \% & 50 \% & 75 \% & 100 \% & Max \\" in latex(table)
    assert latex(table).count(r"\\") == 4  # the header and three regimes
    assert "| disjoint | ++- | 1 | 50.00 | 60.00 | 70.00 | 70.00 | 80.00 |" in markdown(table)


def test_curves_as_csv() -> None:
    lines = curves_csv(results()).splitlines()
    assert lines[0] == "regime,phases,seeds,threshold,accuracy,accuracy_std,mean_flops,share_of_static_flops,mean_ms"
    assert lines[1] == "disjoint,++-,1,0.0,0.5,,25.0,0.25,1.0"
    assert len(lines) == 1 + 3 * 4

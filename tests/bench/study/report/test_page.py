"""The page of a study: everything on it, nothing from elsewhere, and its lines can be switched off."""

from pathlib import Path

import msgspec
import pytest
from browser import needs_browser, visit
from small_studies import tiny_runs
from study_records import analysis_record, record

from eeinfer.bench.study.report.page import study_page
from eeinfer.bench.study.results.results import results_of
from eeinfer.bench.study.results.shapes import Results, Theirs
from eeinfer.bench.study.runs import Study

ACT = """
const plot = document.querySelector(".plot"), items = plot.parentElement.querySelectorAll(".legend button");
const lines = () => plot.querySelectorAll("polyline").length;
seen.before = lines(); items[0].click(); seen.one = lines(); seen.pressed = items[0].getAttribute("aria-pressed");
for (const item of items) if (item.getAttribute("aria-pressed") === "true") item.click();
seen.last = lines(); items[0].click(); seen.again = lines();
plot.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight"}));
seen.tip = plot.querySelector(".tip").textContent;
seen.across = [...document.querySelectorAll(".plot")].map((one) => one.querySelectorAll("line.across").length);
seen.bands = document.querySelectorAll("polygon.band").length;
seen.wide = document.documentElement.scrollWidth; seen.window = innerWidth;
"""


@pytest.fixture(scope="module")
def results() -> Results:
    runs = [run for seed in (0, 1) for run in tiny_runs("disjoint", "joint", "mixed", seed=seed)]
    accuracies = {"disjoint": 0, "joint": 5, "mixed": 6}
    records = {
        run.key: record(run.key, test=[at + accuracies[run.labels["regime"]] for at in (50, 60, 70, 80)])
        for run in runs
    }
    analyses = {run.key: analysis_record(run.key) for run in runs}
    return results_of(Study(name="mine", size="given", question="Which <b>?", runs=tuple(runs)), records, analyses)


def test_the_page_answers_first_and_escapes_what_others_wrote(results: Results) -> None:
    page = study_page(results)
    assert page.index("Take mixed whatever the budget") < page.index("Accuracy against work on paper")
    assert "Which &lt;b&gt;?" in page
    assert "not finished" not in page
    assert "tell no regimes apart" in page
    assert "tell no regimes apart" not in study_page(msgspec.structs.replace(results, timed_alone=True))
    for text in ("both seeds", "largest affordable tau", "best affordable accuracy", "Every exit alone", "a processor"):
        assert text in page


def test_an_interval_stays_on_one_line(results: Results) -> None:
    assert "<td>+6.00 [+6.00,&nbsp;+6.00]</td>" in study_page(results)


def test_the_page_says_why_a_budget_buys_nothing() -> None:
    runs = tuple(run for seed in (0, 1) for run in tiny_runs("disjoint", "mixed", seed=seed))
    dear = {
        run.key: msgspec.structs.replace(record(run.key, test=(50, 60, 70, 80)), exit_flops=(31, 105)) for run in runs
    }
    page = study_page(results_of(Study(name="mine", size="given", question="?", runs=runs), dear))
    for text in (
        "nothing: leaving at the first exit costs 31 % of the whole",
        "disjoint, 25 %: too dear",
        "a dash: even leaving",
    ):
        assert text in page


def test_what_was_found_in_the_networks_is_drawn_where_they_were_looked_at(results: Results) -> None:
    page = study_page(results)
    for text in (
        "Numerical rank of each layer",
        "wrong at the last one",
        "Loss around the weights",
        "saturated in 2 of 2",
    ):
        assert text in page
    assert page.count("Mean rank of a layer: disjoint 5, joint 5, mixed 5.") == 2  # at the top, and over the figures
    assert page.count('class="map"') == 3
    assert page.count("<title>0.5 nats</title>") == 3
    assert "Numerical rank of each layer" not in study_page(msgspec.structs.replace(results, networks=()))


def test_missing_runs_and_the_papers_rows_are_told(results: Results) -> None:
    assert "1 of 6 runs are not finished" in study_page(msgspec.structs.replace(results, missing=("a",)))
    row = Theirs(labels={"regime": "mixed"}, cells=((82.21, 0.08),) * 5)
    theirs = study_page(msgspec.structs.replace(results, theirs=(row,)))
    assert "paper: mixed" in theirs
    assert "82.21 ± 0.08" in theirs
    assert "Kubaty" in theirs


def test_a_study_of_nothing_yet_has_a_page() -> None:
    runs = tiny_runs("mixed")
    assert "1 of 1 runs are not finished" in study_page(
        results_of(Study(name="mine", size="given", question="?", runs=runs), {})
    )


@needs_browser
def test_lines_are_switched_off_but_for_the_last_and_nothing_overflows(results: Results, tmp_path: Path) -> None:
    visits = visit({"study": study_page(results)}, tmp_path, ACT, (1400, 400))
    for (_, width), seen in visits.items():
        assert seen["errors"] == []
        assert seen["loaded"] == []
        assert (seen["before"], seen["one"], seen["pressed"]) == (3, 2, "false")
        assert seen["last"] == 1
        assert seen["again"] == 2
        assert "threshold" in seen["tip"]
        assert seen["bands"] >= 5
        assert sorted(seen["across"])[-3:] == [0, 1, 1]  # the early exit, on rank and on information
        assert seen["wide"] <= seen["window"] == width

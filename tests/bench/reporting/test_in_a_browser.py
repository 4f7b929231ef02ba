"""Every page as a visitor meets it, wide and narrow, in one start of the browser."""

from pathlib import Path
from typing import Any

import pytest
import some_reports
from browser import needs_browser, visit

from eeinfer import samples
from eeinfer.backends.profile import Trial
from eeinfer.bench import BenchConfig, Report, measure
from eeinfer.bench.callers import callers_page
from eeinfer.bench.peers.reporting.page import html_page as peers_page
from eeinfer.bench.reporting.calibration import calibration_page
from eeinfer.bench.reporting.page import html_page
from eeinfer.bench.tune.page import tune_page
from eeinfer.bench.versus import versus_page

pytestmark = needs_browser

Seen = dict[tuple[str, int], dict[str, Any]]

WIDTHS = (1400, 400)
PLOTS = {"bench": 3, "peers": 3, "callers": 2, "tune": 2, "tune many": 2, "compare": 2, "calibrate": 3}

MANY = (  # segments have long settings, and some are slow
    Trial(threads="stopping:1,1,1,2,2,2", ms=(0.3, 0.9), ratio=2.5),
    Trial(threads="stopping:1,1,1,1,1,1,1,1,2,2,2,2", ms=(20, 60), ratio=175),
)

LOOK = """
seen.wide = document.documentElement.scrollWidth; seen.window = innerWidth;
seen.unnamed = [...document.querySelectorAll("svg, input, table")].filter((one) =>
  !one.getAttribute("aria-label") && !(one.labels && one.labels.length)).length;
seen.plots = [...document.querySelectorAll(".plot svg")].map((svg) => svg.getBoundingClientRect().width);
seen.text = [...document.querySelectorAll(".plot svg text")].map((text) => {
  const a = text.getBoundingClientRect(), b = text.closest("svg").getBoundingClientRect();
  return Math.max(b.left - a.left, a.right - b.right);
}).reduce((a, b) => Math.max(a, b), 0);
seen.clash = [...document.querySelectorAll(".plot svg")].filter((svg) => {
  const texts = [...svg.querySelectorAll("text")], turned = texts.find((text) => text.hasAttribute("transform"));
  const right = turned ? turned.getBoundingClientRect().right : 0;
  return texts.some((text) => text.getAttribute("text-anchor") === "end" && text.getBoundingClientRect().left < right);
}).length;
seen.hints = [...document.querySelectorAll(".scroll")].map((area) =>
  [area.scrollWidth > area.clientWidth + 1, getComputedStyle(area.nextElementSibling).display !== "none"]);
seen.tall = [...document.querySelectorAll("tbody td")].map((cell) => cell.getBoundingClientRect().height)
  .reduce((a, b) => Math.max(a, b), 0);
seen.advice = document.querySelector(".advice").textContent;
"""
ACT = """
const column = (table) => [...table.tBodies[0].rows].map((row) => parseFloat(row.cells[1].textContent));
seen.sorted = [...document.querySelectorAll("table[data-sortable]")].filter((table) => !table.querySelector("tr.live"))
  .map((table) => {
    const head = table.tHead.rows[0].cells[1], button = head.querySelector("button");
    button.click(); const up = column(table);
    button.click(); return [up, column(table), head.getAttribute("aria-sort")];
  });
const plot = document.querySelector(".plot"), points = JSON.parse(plot.dataset.plot).series[0].points;
plot.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight"}));
seen.tip = plot.querySelector(".tip").textContent; seen.label = points[0].label;
const slider = document.querySelector("#step");
if (slider) {
  const told = () => document.querySelector("output[data-name]").textContent, last = Number(slider.max);
  seen.first = told();
  slider.value = last; slider.dispatchEvent(new Event("input"));
  seen.last = told(); seen.use = document.querySelector("code[data-use]").textContent;
  seen.live = [...document.querySelector("tr.live").cells].map((cell) => cell.textContent);
  seen.row = [...document.querySelectorAll(`tr[data-step="${last}"]`)].pop().cells[1].textContent;
  seen.marked = document.querySelectorAll("tr.here").length;
  seen.rings = document.querySelectorAll("svg circle.here, svg line.here").length;
  document.querySelector("button[data-reset]").click();
  seen.again = told();
}
"""


def test_the_table_of_four_exits_is_whole_in_a_usual_window(tmp_path: Path) -> None:
    images, labels = samples.images()
    config = BenchConfig(thresholds=6, min_seconds=0, rounds=1, latency_samples=8, pairs=1, warmup=0, threads=1)
    report = measure(samples.bundle_path(), images[:300], labels[:300], config)
    script = """
    const area = document.querySelector("[aria-label='thresholds and fixed networks']").parentElement;
    seen.over = area.scrollWidth - area.clientWidth; seen.class = area.className;
    """
    found = visit({"bench": html_page(report)}, tmp_path, script, (1400, 1150, 400))
    assert [found["bench", width]["over"] for width in (1400, 1150)] == [0, 0]
    assert "more" not in found["bench", 1400]["class"]
    assert found["bench", 400]["over"] > 0


@pytest.fixture(scope="module")
def seen(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Seen:
    pages = {
        "bench": html_page(report),
        "peers": peers_page(some_reports.some_peers()),
        "callers": callers_page(some_reports.some_callers()),
        "tune": tune_page(some_reports.some_tuned()),
        "tune many": tune_page(some_reports.some_tuned(*MANY)),
        "compare": versus_page(some_reports.some_versus()),
        "calibrate": calibration_page(some_reports.some_calibration()),
    }
    return visit(pages, tmp_path_factory.mktemp("pages"), LOOK + ACT, WIDTHS)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_slider_moves_everything(seen: Seen, width: int) -> None:
    page = seen["bench", width]
    assert page["last"] == "tau 1"
    assert page["use"] == 'eeinfer.load("tiny.eeb", tau=1)'
    assert page["live"][0] == "1"
    assert page["live"][1] == page["row"]
    assert page["marked"] >= 1
    assert page["rings"] == 3
    assert page["again"] == page["first"]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PLOTS)
def test_nothing_overflows_or_is_asked_for_and_everything_has_a_name(seen: Seen, name: str, width: int) -> None:
    page = seen[name, width]
    assert page["errors"] == []
    assert page["loaded"] == []
    assert page["window"] == width
    assert page["wide"] <= width
    assert page["unnamed"] == 0
    assert len(page["plots"]) == PLOTS[name]
    assert max(page["plots"]) <= width
    assert page["text"] <= 1
    assert page["tall"] <= 120  # a long name takes a few lines, not one for each syllable
    assert page["clash"] == 0
    assert all(wide == told for wide, told in page["hints"])
    assert page["advice"].endswith(".")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PLOTS)
def test_tables_sort_and_plots_tell(seen: Seen, name: str, width: int) -> None:
    page = seen[name, width]
    for up, down, order in page["sorted"]:
        numbers = [value for value in up if value is not None]
        assert numbers == sorted(numbers)
        assert [value for value in down if value is not None] == numbers[::-1]
        assert order == "descending"
    assert page["tip"].startswith(page["label"])

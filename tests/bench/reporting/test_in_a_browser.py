"""The page as a visitor meets it."""

from pathlib import Path

import pytest
from browser import needs_browser, visit

from eeinfer.bench import Report
from eeinfer.bench.reporting.page import html_page

pytestmark = needs_browser

ACT = """
const slider = document.querySelector("#step"), last = Number(slider.max);
const told = () => document.querySelector("output[data-name]").textContent;
const live = () => [...document.querySelector("tr.live").cells].map((cell) => cell.textContent);
seen.first = told();
slider.value = last; slider.dispatchEvent(new Event("input"));
seen.last = told(); seen.live = live();
seen.row = [...document.querySelectorAll(`tr[data-step="${last}"]`)].pop().cells[1].textContent;
seen.marked = document.querySelectorAll("tr.here").length;
seen.rings = document.querySelectorAll("svg circle.here, svg line.here").length;
document.querySelector("button[data-reset]").click();
seen.again = told();
const table = document.querySelectorAll("table[data-sortable]")[1];
const column = () => [...table.tBodies[0].rows].map((row) => parseFloat(row.cells[1].textContent));
table.tHead.rows[0].cells[1].querySelector("button").click();
seen.up = column();
table.tHead.rows[0].cells[1].querySelector("button").click();
seen.down = column(); seen.order = table.tHead.rows[0].cells[1].getAttribute("aria-sort");
const plot = document.querySelector(".plot"), svg = plot.querySelector("svg");
plot.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight"}));
seen.tip = plot.querySelector(".tip").textContent;
"""
LOOK = """
seen.wide = document.documentElement.scrollWidth; seen.window = innerWidth;
seen.unnamed = [...document.querySelectorAll("svg, input, table")].filter((one) =>
  !one.getAttribute("aria-label") && !(one.labels && one.labels.length)).length;
seen.plots = [...document.querySelectorAll(".plot svg")].map((svg) => svg.getBoundingClientRect().width);
seen.text = [...document.querySelectorAll(".plot svg text")].map((text) => {
  const a = text.getBoundingClientRect(), b = text.closest("figure").getBoundingClientRect();
  return Math.max(b.left - a.left, a.right - b.right);
}).reduce((a, b) => Math.max(a, b), 0);
"""


def test_the_slider_moves_everything_and_tables_sort(report: Report, tmp_path: Path) -> None:
    seen = visit(html_page(report), tmp_path, ACT)
    assert seen["errors"] == []
    assert seen["loaded"] == []
    assert seen["last"] == "tau 1"
    assert seen["live"][0] == "1"
    assert seen["live"][1] == seen["row"]
    assert seen["marked"] >= 1
    assert seen["rings"] == 3
    assert seen["again"] == seen["first"]
    assert seen["up"] == sorted(seen["up"])
    assert seen["down"] == sorted(seen["down"], reverse=True)
    assert seen["order"] == "descending"
    assert seen["tip"].startswith("tau ")
    assert "% right" in seen["tip"]


@pytest.mark.parametrize("width", [1400, 500])
def test_nothing_overflows_and_everything_has_a_name(report: Report, tmp_path: Path, width: int) -> None:
    seen = visit(html_page(report), tmp_path, LOOK, width=width)
    assert seen["errors"] == []
    assert seen["wide"] <= seen["window"]
    assert seen["unnamed"] == 0
    assert len(seen["plots"]) == 3
    assert max(seen["plots"]) <= seen["window"]
    assert seen["text"] <= 1

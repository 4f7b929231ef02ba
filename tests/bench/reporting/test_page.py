import re
from html.parser import HTMLParser

import msgspec
import pytest

from eeinfer.bench import Report
from eeinfer.bench.reporting import plots
from eeinfer.bench.reporting.page import html_page


class Balance(HTMLParser):
    """Tags that were opened and not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "input"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        """Closed already."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page(report: Report) -> str:
    return html_page(report)


def test_the_page_is_whole(page: str) -> None:
    balance = Balance()
    balance.feed(page)
    assert balance.open == []


def test_the_page_needs_nothing_from_elsewhere(page: str) -> None:
    assert page.count("<script") == page.count("<script>") == 1
    assert not re.search(r"fetch\(|import\(|XMLHttp", page)
    assert "<link" not in page
    assert not re.search(r'(src|href)="(?!#)', page)
    assert not re.search(r"url\((?!#)", page)


def test_ids_are_unique_and_references_lead_somewhere(page: str) -> None:
    page = page.partition("<script>")[0]
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', page)) <= set(ids)


def test_the_page_holds_three_plots_and_every_threshold(page: str, report: Report) -> None:
    assert page.count("<svg") == 3
    assert page.count("<tr") > len(report.thresholds)
    assert "Circumstances" in page
    assert report.bundle.sha256 in page


def test_the_same_report_gives_the_same_bytes(page: str, report: Report) -> None:
    assert html_page(report) == page


def test_names_cannot_break_out_of_the_page(report: Report) -> None:
    data = msgspec.structs.replace(report.data, name="<script>alert(1)</script>")
    assert html_page(msgspec.structs.replace(report, data=data)).count("<script") == 1


def test_plots_say_in_words_what_they_show(report: Report) -> None:
    for svg, axis in (
        (plots.accuracy_against_flops(report), "per image"),
        (plots.accuracy_against_ms(report), "measured milliseconds per image"),
        (plots.exit_shares(report), "share of images, %"),
    ):
        assert axis in svg
        assert "<text" in svg


def test_plots_take_their_colours_from_the_page(report: Report) -> None:
    assert "var(--cascade)" in plots.accuracy_against_flops(report)
    assert "#0b66d0" not in plots.accuracy_against_flops(report)


def test_one_exit_more_than_there_are_colours_is_no_problem(report: Report) -> None:
    rows = tuple(msgspec.structs.replace(row, shares=(1 / 30,) * 30) for row in report.thresholds)
    bundle = msgspec.structs.replace(report.bundle, modules=("m",) * 30)
    assert "exit 29" in plots.exit_shares(msgspec.structs.replace(report, thresholds=rows, bundle=bundle))


def test_a_busy_machine_is_confessed(report: Report) -> None:
    for load, confessed in ((0.3, False), (1000.0, True), (None, False)):
        place = msgspec.structs.replace(report.environment, load=load)
        page = html_page(msgspec.structs.replace(report, environment=place))
        assert ("the machine was busy" in page) == confessed


@pytest.mark.parametrize(("rounds", "warned"), [(1, True), (2, True), (3, False)])
def test_a_report_of_hardly_any_rounds_warns(report: Report, rounds: int, warned: bool) -> None:
    settings = msgspec.structs.replace(report.settings, rounds=rounds)
    assert ("one disturbance is enough" in html_page(msgspec.structs.replace(report, settings=settings))) is warned

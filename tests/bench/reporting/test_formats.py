from pathlib import Path
from typing import Any

import pytest
from msgspec import UNSET, structs

from eeinfer import samples
from eeinfer.bench import Report
from eeinfer.bench.measure import bundle_facts
from eeinfer.bench.reporting.formats import FlopsUnit, percent, selection, significant, tau_text, times, use
from eeinfer.bundle.folder import Bundle


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.5, "1234"), (123.4, "123"), (12.34, "12.3"), (1.234, "1.23"), (0.1234, "0.123"), (0, "0.000")],
)
def test_numbers_keep_three_digits(value: float, text: str) -> None:
    assert significant(value) == text


@pytest.mark.parametrize(
    ("largest", "name", "text"),
    [(3.6e9, "GFLOPs", "3.60"), (41e6, "MFLOPs", "41.0"), (5e3, "kFLOPs", "5.00"), (12, "FLOPs", "12.0")],
)
def test_the_unit_fits_the_largest_number(largest: float, name: str, text: str) -> None:
    unit = FlopsUnit(largest)
    assert (unit.name, unit.text(largest)) == (name, text)


def test_what_is_not_there_is_a_dash() -> None:
    assert {percent(None), times(None), tau_text(None), FlopsUnit(1e6).text(None)} == {"-"}


def test_taus_of_a_hundred_stay_apart() -> None:
    texts = [tau_text(t / 99) for t in range(100)]
    assert len(set(texts)) == 100
    assert (texts[0], texts[-1]) == ("0", "1")


def test_the_selection_holds_both_ends_and_the_headline(report: Report) -> None:
    chosen = selection(report)
    assert chosen == sorted(set(chosen))
    assert {0, len(report.thresholds) - 1, report.headline} <= set(chosen)
    assert len(chosen) <= 12


@pytest.mark.parametrize(
    ("folder", "call"),
    [
        ("certified.eeb", 'eeinfer.load("certified.eeb", tau=1)'),  # whatever the bundle calls itself
        (None, "eeinfer.load(tau=1)"),
        (UNSET, 'eeinfer.load("tiny.eeb", tau=1)'),  # of an older report
    ],
)
def test_the_call_names_the_folder_that_was_measured(report: Report, folder: Any, call: str) -> None:
    measured = structs.replace(report, bundle=structs.replace(report.bundle, folder=folder))
    assert use(measured, measured.thresholds[-1]) == call


def test_a_measured_report_remembers_the_folder(report: Report, tiny_bundle: Path) -> None:
    assert report.bundle.folder == tiny_bundle.name
    assert bundle_facts(Bundle.open(samples.bundle_path())).folder is None

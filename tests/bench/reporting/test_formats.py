import pytest

from eeinfer.bench import Report
from eeinfer.bench.reporting.formats import FlopsUnit, percent, selection, significant, tau_text, times


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

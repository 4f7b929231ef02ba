"""The page of a calibration: a row and a diagram per exit, and nothing from elsewhere."""

import re

from some_reports import some_calibration

from eeinfer.bench.reporting.calibration import calibration_page


def test_every_exit_has_a_row_and_a_diagram() -> None:
    page = calibration_page(some_calibration())
    assert page.count("<svg") == 3
    assert page.count("<tr class=") == 6  # on test images, and on validation images
    for text in (
        "ranks safe",
        "Brier score",
        "before, error",
        "after, error",
        "checkpoint_temperature.pt: calibrated by temperature",
        "Export checkpoint_temperature.pt: its",
    ):
        assert text in page


def test_the_last_exit_has_nothing_to_lose_by_leaving() -> None:
    last = some_calibration().test_before[-1]
    assert last.ranks_safe is None
    assert last.ranks_right is not None
    assert last.ranks_right > 0.5


def test_the_page_needs_nothing_else() -> None:
    page = calibration_page(some_calibration())
    assert "http://" not in page.replace("http://www.w3.org/", "")
    assert page.count("<script") == page.count("<script>") == 1
    assert not re.search(r"fetch\(|import\(|XMLHttp", page)

"""The page of a calibration: a row and a diagram per exit, and nothing from elsewhere."""

import re
from pathlib import Path

import torch

from eeinfer.bench.reporting.calibration import calibration_page
from eeinfer.training.calibration import Calibration
from eeinfer.training.calibration.report import qualities


def some_calibration() -> Calibration:
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 5, (300,), generator=random)
    signal = torch.nn.functional.one_hot(labels, 5) * 2.0
    logits = [signal * (k + 1) + torch.randn(300, 5, generator=random) * 3 for k in range(3)]
    before, after = qualities(logits, labels), qualities([exit / 2 for exit in logits], labels)
    return Calibration(
        path=Path("runs/<odd>/checkpoint_temperature.pt"),
        kind="temperature",
        validation_before=before,
        validation_after=after,
        test_before=before,
        test_after=after,
    )


def test_every_exit_has_a_row_and_a_diagram() -> None:
    page = calibration_page(some_calibration())
    assert page.count("<svg") == 3
    assert page.count("<td>exit ") == 6  # on test images, and on validation images
    for text in ("ranks safe", "Brier score", "before, error", "after, error", "checkpoint_temperature: temperature"):
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

import numpy as np
import pytest
import torch

from eeinfer.training.calibration.report import expected_calibration_error, qualities, reliability


def test_calibration_error_by_hand() -> None:
    # Bin (0.6, 0.7]: two images, one right; bin (0.9, 1]: two images, both right.
    probabilities = torch.tensor([[0.65, 0.35], [0.3, 0.7], [0.95, 0.05], [0.0, 1.0]])
    labels = torch.tensor([0, 0, 0, 1])
    wanted = (abs(0.65 + 0.7 - 1) + abs(0.95 + 1 - 2)) / 4
    assert expected_calibration_error(probabilities, labels) == pytest.approx(wanted)


def test_quality_by_hand() -> None:
    logits, labels = torch.tensor([[2.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1])
    [found] = qualities([logits], labels)
    p = 1 / (1 + np.exp(-np.array([2.0, 1.0])))
    assert found.accuracy == 0.5
    assert found.nll == pytest.approx(-(np.log(p[0]) + np.log(1 - p[1])) / 2)
    assert found.ece == pytest.approx(abs(p[0] - 1) / 2 + abs(p[1] - 0) / 2, rel=1e-5)


def test_reliability_bins_hold_every_image_and_make_up_the_error() -> None:
    random = torch.Generator().manual_seed(0)
    probabilities = torch.rand(400, 4, generator=random).softmax(1)
    labels = torch.randint(0, 4, (400,), generator=random)
    bins = reliability(probabilities, labels)
    assert sum(bin.images for bin in bins) == 400
    assert all(k / 10 - 1e-9 <= bin.confidence <= (k + 1) / 10 + 1e-9 for k, bin in enumerate(bins) if bin.images)
    error = sum(bin.images * abs(bin.confidence - bin.accuracy) for bin in bins) / 400
    assert expected_calibration_error(probabilities, labels) == pytest.approx(error)


def test_ranking_by_hand() -> None:
    """Sure and right; surer and wrong, the last exit right; unsure and wrong, the last exit wrong too."""
    early = torch.tensor([[4.0, 0.0], [5.0, 0.0], [0.5, 0.0]])
    late = torch.tensor([[4.0, 0.0], [0.0, 5.0], [0.5, 0.0]])
    first, last = qualities([early, late], torch.tensor([0, 1, 1]))
    assert first.ranks_right == 0.5  # above the unsure one, below the sure one
    assert first.ranks_safe == 0.0  # the row that must not leave is the surest
    assert last.ranks_safe is None

import numpy as np
import pytest
import torch

from eeinfer.training.calibration.report import expected_calibration_error, quality


def test_calibration_error_by_hand() -> None:
    # Bin (0.6, 0.7]: two images, one right; bin (0.9, 1]: two images, both right.
    probabilities = torch.tensor([[0.65, 0.35], [0.3, 0.7], [0.95, 0.05], [0.0, 1.0]])
    labels = torch.tensor([0, 0, 0, 1])
    wanted = (abs(0.65 + 0.7 - 1) + abs(0.95 + 1 - 2)) / 4
    assert expected_calibration_error(probabilities, labels) == pytest.approx(wanted)


def test_quality_by_hand() -> None:
    logits, labels = torch.tensor([[2.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1])
    found = quality(logits, labels)
    p = 1 / (1 + np.exp(-np.array([2.0, 1.0])))
    assert found.accuracy == 0.5
    assert found.nll == pytest.approx(-(np.log(p[0]) + np.log(1 - p[1])) / 2)
    assert found.ece == pytest.approx(abs(p[0] - 1) / 2 + abs(p[1] - 0) / 2, rel=1e-5)

import numpy as np
import pytest

from eeinfer.training.analysis.overthinking import overthinking


def test_counts_by_hand() -> None:
    labels = np.zeros(5, np.int64)
    predictions = np.array([[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0], [1, 1, 1]])
    found = overthinking(predictions, labels)
    assert found.accuracy == pytest.approx((0.4, 0.4, 0.4))
    assert found.destructive == pytest.approx(0.4)  # rows 1 and 2
    assert found.wasteful == pytest.approx(0.2)  # row 0
    assert found.oracle == pytest.approx(0.8)
    assert found.spoiled == (pytest.approx((0, 0.2, 0.2)), pytest.approx((0, 0, 0.2)), (0, 0, 0))


def test_one_exit_spoils_nothing() -> None:
    found = overthinking(np.array([[0], [1]]), np.array([0, 0]))
    assert (found.destructive, found.wasteful, found.oracle) == (0, 0, 0.5)

"""How well a confidence ranks, by hand and against scikit-learn."""

import pytest
import torch
from sklearn.metrics import roc_auc_score

from eeinfer.training.calibration.ranking import auroc, brier


def test_a_perfect_ranking_a_reversed_one_and_chance() -> None:
    good = torch.tensor([True, True, False, False])
    assert auroc(torch.tensor([0.9, 0.8, 0.3, 0.1]), good) == 1.0
    assert auroc(torch.tensor([0.1, 0.3, 0.8, 0.9]), good) == 0.0
    assert auroc(torch.full((4,), 0.5), good) == 0.5  # ties count half


def test_where_all_are_alike_there_is_nothing_to_rank() -> None:
    assert auroc(torch.rand(3), torch.ones(3, dtype=torch.bool)) is None
    assert auroc(torch.rand(3), torch.zeros(3, dtype=torch.bool)) is None


@pytest.mark.parametrize("seed", range(5))
def test_it_is_what_scikit_learn_finds(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    confidence = (torch.rand(200, generator=random) * 20).round() / 20  # with ties
    good = torch.rand(200, generator=random) < confidence
    assert auroc(confidence, good) == pytest.approx(roc_auc_score(good.numpy(), confidence.numpy()))


def test_brier_by_hand() -> None:
    assert brier(torch.tensor([[1.0, 0.0]]), torch.tensor([0])) == 0
    assert brier(torch.tensor([[1.0, 0.0]]), torch.tensor([1])) == 2
    assert brier(torch.tensor([[0.7, 0.3], [0.5, 0.5]]), torch.tensor([0, 1])) == pytest.approx((0.18 + 0.5) / 2)

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from eeinfer.training.calibrated import Tempered
from eeinfer.training.calibration.temperature import fit_temperature


def test_fit_finds_the_temperature_that_the_labels_were_drawn_with() -> None:
    random = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(20000, 5, generator=random)
    labels = torch.multinomial((logits / 2.5).softmax(1), 1, generator=random)[:, 0]
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(2.5, rel=0.05)
    best = F.cross_entropy(logits / found, labels)
    assert all(F.cross_entropy(logits / (found * factor), labels) > best for factor in (0.97, 1.03))


def test_fit_stays_in_range_where_no_temperature_is_best() -> None:
    labels = torch.arange(6) % 3
    never_wrong = F.one_hot(labels, 3).float()
    assert 0 < fit_temperature(never_wrong, labels) < 0.2
    assert fit_temperature(-never_wrong, labels) <= 100


class Exits(nn.Module):
    def __init__(self, *, own: bool) -> None:
        super().__init__()
        self.own = own

    def forward(self, x: torch.Tensor) -> object:
        logits = (x, 2 * x)
        return {"logits": logits, "scores": (x[:, 0], x[:, 1])} if self.own else logits


def test_each_exit_is_divided_by_its_own_temperature() -> None:
    x = torch.randn(3, 4)
    early, late = Tempered(Exits(own=False), (2.0, 0.5))(x)
    assert torch.equal(early, x / 2)
    assert torch.equal(late, 4 * x)


def test_own_scores_stay() -> None:
    x = torch.randn(3, 4)
    outputs = Tempered(Exits(own=True), (2.0, 0.5))(x)
    assert torch.equal(outputs["scores"][1], x[:, 1])
    assert torch.equal(outputs["logits"][0], x / 2)

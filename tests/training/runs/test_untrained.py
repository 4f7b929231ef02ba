from pathlib import Path

import pytest
import torch
from cli_runs import tiny_recipe
from torch import nn

from eeinfer.errors import CheckpointError
from eeinfer.training import load_checkpoint
from eeinfer.training.runs.untrained import estimate_statistics, save_untrained


def test_the_checkpoint_loads_and_says_that_it_has_learned_nothing(tmp_path: Path) -> None:
    path = save_untrained(tiny_recipe(), tmp_path / "run")
    found = load_checkpoint(path)
    assert found.provenance["untrained"] is True
    assert [logits.shape for logits in found.model(torch.zeros(2, 3, 16, 16))] == [(2, 4), (2, 4)]


def test_it_does_not_replace_a_trained_one(tmp_path: Path) -> None:
    path = save_untrained(tiny_recipe(), tmp_path)
    with pytest.raises(CheckpointError, match="must not replace"):
        save_untrained(tiny_recipe(), tmp_path)
    assert path.exists()


def test_batchnorm_gets_the_statistics_and_weights_stay() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, momentum=0.3))
    weight = network[0].weight.clone()
    estimate_statistics(network, 5 + 2 * torch.randn(64, 3, 8, 8))
    answers = network(5 + 2 * torch.randn(64, 3, 8, 8))
    assert answers.mean().item() == pytest.approx(0, abs=0.1)
    assert answers.std().item() == pytest.approx(1, abs=0.1)
    assert torch.equal(network[0].weight, weight)
    assert network[1].momentum == 0.3
    assert not network.training

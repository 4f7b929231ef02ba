from dataclasses import replace
from pathlib import Path

import pytest
import torch

from eeinfer.bundle.manifest import Input
from eeinfer.training import TrainConfig, load_checkpoint, train
from eeinfer.training.build import build_model
from eeinfer.training.data import load_dataset
from eeinfer.training.model import EarlyExitModel
from eeinfer.training.regimes import phases
from eeinfer.training.runs.phase import enter_phase


def build(config: TrainConfig) -> EarlyExitModel:
    return build_model(config, synthetic_input(), 4).model


def synthetic_input() -> Input:
    return load_dataset("synthetic").input()


@pytest.mark.parametrize(
    ("regime", "expected"),
    [("disjoint", (1, 3)), ("joint", (2,)), ("mixed", (1, 2)), ("+++", (1, 2, 3)), ("--+", (3,)), ("-++", (2, 3))],
)
def test_a_regime_names_its_phases(regime: str, expected: tuple[int, ...]) -> None:
    assert phases(regime) == expected


@pytest.mark.parametrize(("phase", "parts"), [(1, {"backbone"}), (2, {"backbone", "heads"}), (3, {"heads"})])
def test_a_phase_trains_its_parts_and_freezes_the_rest(tiny: TrainConfig, phase: int, parts: set[str]) -> None:
    model = build(tiny)
    trained = {id(parameter) for parameter in enter_phase(model, phase)}
    for name, parameter in model.named_parameters():
        belongs = name.split(".")[0] in parts and "alpha" not in name
        assert (id(parameter) in trained) == belongs or "alpha" in name, name
    for part in ("backbone", "heads"):
        assert model.get_submodule(part).training == (part in parts)


def test_frozen_parts_stay_in_eval_mode_whenever_train_is_called(tiny: TrainConfig) -> None:
    model = build(tiny)
    enter_phase(model, 3)
    model.eval()
    model.train()
    assert not any(module.training for module in model.backbone.modules())
    assert all(module.training for module in model.heads.modules())


def test_phases_two_then_three_freeze_what_was_free(tiny: TrainConfig) -> None:
    model = build(tiny)
    enter_phase(model, 2)
    enter_phase(model, 3)
    assert not any(parameter.requires_grad for parameter in model.backbone.parameters())
    enter_phase(model, 2)
    assert all(parameter.requires_grad for parameter in model.backbone.parameters())


def test_what_never_trains_is_not_woken(tiny: TrainConfig) -> None:
    config = replace(tiny, exits=(0, 2))  # the last map has 4 x 4 pixels: its pooling has nothing to learn
    model = build(config)
    enter_phase(model, 2)
    pools = [module for name, module in model.heads.named_modules() if name.endswith("reduce.pool")]
    assert [pool.get_parameter("alpha").requires_grad for pool in pools] == [True, False]


def test_disjoint_training_leaves_the_backbone_bit_identical_wherever_exits_sit(
    tiny: TrainConfig, tmp_path: Path
) -> None:
    base = load_checkpoint(train(replace(tiny, regime="+--", exits=()), tmp_path / "base"))
    expected = base.model.backbone.state_dict()
    assert any("running_mean" in name for name in expected)
    for exits in ((0, 1), (1,)):
        disjoint = load_checkpoint(train(replace(tiny, regime="disjoint", exits=exits), tmp_path / f"disjoint{exits}"))
        found = disjoint.model.backbone.state_dict()
        assert expected.keys() == found.keys()
        for name, tensor in expected.items():
            assert torch.equal(tensor, found[name]), name
        assert disjoint.provenance["test_accuracy"][-1] == base.provenance["test_accuracy"][-1]
    fresh = build(replace(tiny, exits=exits)).heads.state_dict()
    assert all(not torch.equal(fresh[name], value) for name, value in disjoint.model.heads.state_dict().items())


def test_mixed_training_moves_backbone_and_heads(tiny: TrainConfig, tmp_path: Path) -> None:
    base = load_checkpoint(train(replace(tiny, regime="+--", exits=()), tmp_path / "base")).model
    mixed = load_checkpoint(train(tiny, tmp_path / "mixed")).model
    assert not torch.equal(base.backbone.state_dict()["conv1.weight"], mixed.backbone.state_dict()["conv1.weight"])


def test_heads_are_fresh_when_the_early_exit_part_starts(tiny: TrainConfig) -> None:
    """Phase 1 cannot touch them: they are what the seed alone makes of them, trained backbone or not."""
    model = build(tiny)
    before = {name: value.clone() for name, value in model.heads.state_dict().items()}
    for parameter in enter_phase(model, 1):
        assert not any(parameter is head for head in model.heads.parameters())
    model.backbone(torch.rand(4, 3, 16, 16)).sum().backward()
    assert all(parameter.grad is None for parameter in model.heads.parameters())
    assert all(torch.equal(before[name], value) for name, value in model.heads.state_dict().items())

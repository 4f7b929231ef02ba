from dataclasses import replace
from pathlib import Path

import pytest
import small_methods
import torch
from method_networks import inputs

from eeinfer.bundle.manifest import Input, TensorSpec
from eeinfer.training import (
    BackboneConfig,
    DataConfig,
    MethodConfig,
    PhaseConfig,
    TrainConfig,
    load_checkpoint,
    train,
)
from eeinfer.training.exits.costs import exit_costs, trunk_costs
from eeinfer.training.exits.gain import head_costs
from eeinfer.training.exits.pruning import balance, keep_exits


def test_costs_of_trunk_and_heads_are_told_apart() -> None:
    model = small_methods.network("cdl").model
    example = torch.zeros(1, *small_methods.SHAPE)
    trunk = trunk_costs(model, example)
    assert list(trunk) == sorted(trunk)
    # Each head is one matrix product and what its score costs: a sigmoid, or nothing that moves data.
    matrices = [4 * 16 * 16 * 5, 8 * 8 * 8 * 5]
    found = head_costs(exit_costs(model, example), trunk)
    assert all(matrix <= cost <= matrix + 40 for matrix, cost in zip(matrices, found, strict=True))


def test_balance_counts_the_rows_that_leave() -> None:
    model = small_methods.network("cdl", {"level": 1.0}).model
    x = inputs(40, small_methods.SHAPE)
    batches = [(part, torch.zeros(len(part))) for part in x.split(16)]
    with torch.no_grad():
        scores = model(x)["scores"]
    tau = float(scores[0].median())
    first, _ = balance(model, batches, tau, x[:1])
    assert first.leaving == pytest.approx(float((scores[0] > tau).float().mean()))


@pytest.mark.parametrize("kept", [[0, 1, 2], [1], [0, 2], []])
def test_what_is_kept_answers_as_before(kept: list[int]) -> None:
    built = small_methods.network("cdl", exits=(0, 1, 2))
    config = TrainConfig(
        backbone=BackboneConfig(name="resnet8", options={"width": 4}),
        exits=(0, 1, 2),
        method=MethodConfig(name="cdl"),
        regime="joint",
    )
    input = Input(tensor=TensorSpec(name="input", dtype="float32", shape=small_methods.SHAPE))
    smaller = keep_exits(config, built, input, small_methods.CLASSES, kept)
    x = inputs(3, small_methods.SHAPE)
    with torch.no_grad():
        before, after = built.model(x)["logits"], smaller.model(x)["logits"]
    assert smaller.modules == tuple(built.modules[k] for k in kept)
    for k, logits in zip([*kept, 3], after, strict=True):
        torch.testing.assert_close(logits, before[k])


def test_a_run_drops_what_does_not_pay_and_records_why(tmp_path: Path) -> None:
    phase = PhaseConfig(epochs=1, lr=0.05)
    config = TrainConfig(
        data=DataConfig(name="synthetic", batch_size=128),
        backbone=BackboneConfig(name="resnet8", options={"width": 4}),
        exits=(0, 1),
        # Nobody is that sure after one epoch, so no exit saves anything.
        method=MethodConfig(name="cdl", options={"prune_tau": 1.0}),
        regime="disjoint",
        phase1=phase,
        phase3=phase,
        device="cpu",
    )
    checkpoint = load_checkpoint(train(config, tmp_path / "pruned"))
    assert checkpoint.exit_modules == ("classifier",)
    report = checkpoint.provenance["pruning"]
    assert report["tau"] == 1.0
    assert [exit["kept"] for exit in report["exits"]] == [False, False]
    assert len(checkpoint.provenance["test_accuracy"]) == 1
    whole = load_checkpoint(train(replace(config, method=MethodConfig(name="cdl")), tmp_path / "whole"))
    assert len(whole.exit_modules) == 3
    assert "pruning" not in whole.provenance
    x = inputs(2, (3, 16, 16))
    with torch.no_grad():  # the same run but for what was dropped
        torch.testing.assert_close(checkpoint.model(x)["logits"][-1], whole.model(x)["logits"][-1])

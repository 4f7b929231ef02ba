import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_methods
import torch
from method_networks import heads, inputs
from torch import nn

from eeinfer.errors import ConfigError
from eeinfer.training import MethodConfig, TrainConfig, load_checkpoint, train
from eeinfer.training.exits.costs import cost_shares
from eeinfer.training.heads.features import FeatureSpec
from eeinfer.training.methods import build_method
from eeinfer.training.methods.pteenet import HEADS, placement
from eeinfer.training.runs.phase import enter_phase

COSTS = (0.2, 0.5, 1.0)


def by_hand(outputs: Any, targets: np.ndarray, cost_weight: float, weights: tuple[float, ...]) -> float:
    """The recursion on probabilities, in float64, row by row."""
    p = [torch.softmax(logits.double(), 1).detach().numpy() for logits in outputs["logits"]]
    c = [torch.sigmoid(trust.double()).detach().numpy() for trust in outputs["trusts"]]
    total = 0.0
    for row, target in enumerate(targets):
        q, cost = p[-1][row, target], COSTS[-1]
        total += weights[-1] * (-math.log(q) + cost_weight * cost)
        for k in reversed(range(len(c))):
            q = c[k][row] * p[k][row, target] + (1 - c[k][row]) * q
            cost = c[k][row] * COSTS[k] + (1 - c[k][row]) * cost
            total += weights[k] * (-math.log(q) + cost_weight * cost)
    return total / len(targets)


def outputs_of(method: Any, rows: int = 6) -> tuple[Any, torch.Tensor]:
    method.take_costs(COSTS)
    taps, final = [inputs(rows, (6,), seed=k) for k in (1, 2)], inputs(rows, (5,), seed=9)
    return method.train()(taps, final), torch.arange(rows) % 5


@pytest.mark.parametrize("cost_weight", [0.0, 0.9])
@pytest.mark.parametrize("weights", [(1 / 3, 1 / 3, 1 / 3), (1.0, 2.0, 0.5)])
def test_loss_is_the_recursive_mixture(cost_weight: float, weights: tuple[float, ...]) -> None:
    method = heads("pteenet", {"head": "plain", "cost_weight": cost_weight}, count=2)
    outputs, targets = outputs_of(method)
    found = method.loss(outputs, targets, weights, 0.0)
    assert float(found.detach()) == pytest.approx(by_hand(outputs, targets.numpy(), cost_weight, weights), rel=1e-5)


def test_the_papers_cost_weight_is_the_default() -> None:
    method = heads("pteenet", {"head": "plain"}, count=2)
    outputs, targets = outputs_of(method)
    found = method.loss(outputs, targets, (1 / 3,) * 3, 0.0)
    assert float(found.detach()) == pytest.approx(by_hand(outputs, targets.numpy(), 0.9, (1 / 3,) * 3), rel=1e-5)


def test_without_labels_the_networks_own_predictions_are_the_targets() -> None:
    method = heads("pteenet", {"head": "plain", "label_free": True}, count=2)
    outputs, targets = outputs_of(method)
    found = method.loss(outputs, targets, (1 / 3,) * 3, 0.0)
    own = outputs["logits"][-1].argmax(1).numpy()
    assert float(found.detach()) == pytest.approx(by_hand(outputs, own, 0.9, (1 / 3,) * 3), rel=1e-5)
    assert torch.equal(found, method.loss(outputs, (targets + 1) % 5, (1 / 3,) * 3, 0.0))


def test_weights_are_selected_by_the_loss_on_other_images() -> None:
    method = heads("pteenet", {"head": "plain"}, count=2)
    outputs, targets = outputs_of(method)
    taps, final = [inputs(6, (6,), seed=k) for k in (1, 2)], inputs(6, (5,), seed=9)
    values = method.objective(method.eval()(taps, final), targets)
    assert values.shape == (6,)
    assert float(values.mean().detach()) == pytest.approx(
        by_hand(outputs, targets.numpy(), 0.9, (1 / 3,) * 3), rel=1e-5
    )


def test_a_run_keeps_the_epoch_of_the_smallest_objective(tiny: TrainConfig, tmp_path: Path) -> None:
    config = replace(tiny, method=MethodConfig(name="pteenet"), regime="disjoint", loss_weights="method")
    config = replace(config, phase3=replace(config.phase3, epochs=4, lr=0.05))
    provenance = load_checkpoint(train(config, tmp_path)).provenance
    objectives = [record["val_objective"] for record in provenance["epochs"] if record["phase"] == 3]
    last = provenance["phases"][-1]
    assert last["val_objective"] == min(objectives)
    assert last["best_epoch"] == 1 + objectives.index(min(objectives))
    assert all("val_objective" not in record for record in provenance["epochs"] if record["phase"] == 1)


def test_loss_and_gradients_stay_finite_where_a_confidence_is_certain() -> None:
    method = heads("pteenet", {"head": "plain"}, count=2)
    outputs, targets = outputs_of(method)
    trusts = [torch.full((6,), 200.0, requires_grad=True), torch.full((6,), -200.0, requires_grad=True)]
    loss = method.loss({**outputs, "trusts": trusts}, targets, (1 / 3,) * 3, 0.0)
    loss.backward()
    assert torch.isfinite(loss)
    assert all(trust.grad is not None and torch.isfinite(trust.grad).all() for trust in trusts)


def test_a_dearer_network_makes_early_exits_surer() -> None:
    method = heads("pteenet", {"head": "plain", "cost_weight": 100.0}, count=2)
    outputs, targets = outputs_of(method)
    for trust in outputs["trusts"]:
        trust.retain_grad()
    method.loss(outputs, targets, (1 / 3,) * 3, 0.0).backward()
    assert all((trust.grad < 0).all() for trust in outputs["trusts"])  # going down the gradient raises them


@pytest.mark.parametrize(
    ("name", "convs", "norms", "width"),
    [
        ("plain", 0, 0, 144),
        ("pool", 0, 0, 4),
        ("bnpool", 0, 1, 4),
        ("conv", 1, 1, 4),
        ("conv2", 2, 2, 4),
        ("conv3", 3, 3, 4),
    ],
)
def test_head_types(name: str, convs: int, norms: int, width: int) -> None:
    spec = FeatureSpec(kind="map", shape=(4, 6, 6))
    body = HEADS[name](spec)
    kinds = [type(module) for module in body.modules()]
    assert (kinds.count(nn.Conv2d), kinds.count(nn.BatchNorm2d), body.width) == (convs, norms, width)
    x = torch.randn(3, 4, 6, 6)
    if name == "pool":
        torch.testing.assert_close(body(x), x.mean((2, 3)))
    if name == "bnpool":
        scaled = (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt()
        torch.testing.assert_close(body(x), scaled.relu().mean((2, 3)))


def test_tokens_have_no_convolutions() -> None:
    tokens = FeatureSpec(kind="tokens", shape=(5, 6), class_token=True, place="exit 0 behind 'blocks.3'")
    assert HEADS["pool"](tokens).width == 6
    with pytest.raises(ConfigError, match=r"exit 0 behind 'blocks\.3': PTEENet's head conv2 reads a map, not tokens"):
        HEADS["conv2"](tokens)
    with pytest.raises(ConfigError, match="unknown option head of method pteenet 'conv9'"):
        build_method(MethodConfig(name="pteenet", options={"head": "conv9"}), [tokens], 5)


def test_costs_are_the_networks_own() -> None:
    built = small_methods.network("pteenet", {"head": "conv2"})
    assert built.model.heads.costs == pytest.approx(cost_shares(built.model, torch.zeros(1, *small_methods.SHAPE)))
    first, second, last = built.model.heads.costs
    assert 0 < first < second < last == 1


def test_the_frozen_network_gets_no_gradient() -> None:
    model = small_methods.network("pteenet").model
    moving = enter_phase(model, 3)
    x, targets = inputs(4, small_methods.SHAPE), torch.tensor([0, 1, 2, 3])
    model.heads.loss(model(x), targets, (1 / 3,) * 3, 0.0).backward()
    assert all(parameter.grad is None for parameter in model.backbone.parameters())
    assert all(parameter.grad is not None for parameter in moving)


def test_placements_are_rising_shares() -> None:
    assert placement("pareto", 3) == pytest.approx((0.2, 0.36, 0.488))
    assert placement("fine", 2) == pytest.approx((0.05, 0.0975))
    assert placement("linear", 3) == pytest.approx((0.25, 0.5, 0.75))
    assert placement("golden", 2) == pytest.approx((0.381966, 0.618034))
    with pytest.raises(ConfigError, match="unknown placement 'even': known are pareto, fine, linear, golden"):
        placement("even", 3)


def test_bundle_agrees_with_torch(tmp_path: Path) -> None:
    bundle = small_methods.check(small_methods.network("pteenet"), tmp_path)
    assert bundle.manifest.score == "own"
    assert bundle.manifest.flops.uncounted == {}

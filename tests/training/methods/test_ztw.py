import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from method_networks import CLASSES, check_bundle, features, heads, network
from scipy.special import log_softmax, softmax
from torch.nn import functional as F

from eeinfer.training import (
    BackboneConfig,
    DataConfig,
    MethodConfig,
    PhaseConfig,
    TrainConfig,
    load_checkpoint,
    train,
)
from eeinfer.training.methods.ensembles import Arithmetic, Geometric
from eeinfer.training.methods.ztw import ZTW


def test_head_reads_the_normalised_previous_logits_beside_its_feature() -> None:
    method = heads("ztw").eval()
    taps, final = features()
    own = method.train()(taps, final)["heads"]
    torch.testing.assert_close(own[0], method.heads[0](taps[0]))
    torch.testing.assert_close(own[3], final)
    cascade, last = method.cascades[0], method.heads[1].classify[-1]
    wide = torch.cat([last.weight, cascade.columns.weight], 1)  # the one layer on the concatenation
    previous = F.layer_norm(own[0], (CLASSES,), cascade.norm.weight, cascade.norm.bias)
    torch.testing.assert_close(own[1], F.linear(torch.cat([taps[1], previous], 1), wide, last.bias))


@pytest.mark.parametrize("kind", [Geometric, Arithmetic])
def test_ensembles_follow_the_formulas(kind: type[Geometric] | type[Arithmetic]) -> None:
    torch.manual_seed(0)
    ensemble = kind(2, CLASSES)
    torch.nn.init.normal_(ensemble.bias)
    logits = np.random.default_rng(0).normal(size=(4, 2, CLASSES))
    weight, bias = (tensor.detach().double().numpy() for tensor in (ensemble.weight, ensemble.bias))
    if kind is Geometric:
        wanted = (log_softmax(logits, -1) * np.exp(weight)[:, None]).mean(1) + bias
    else:
        summed = (softmax(logits, -1) * np.exp(weight)[:, None]).sum(1) + np.exp(bias)
        wanted = np.log(summed / summed.sum(1, keepdims=True))
    got = ensemble(torch.from_numpy(log_softmax(logits, -1)).float())
    np.testing.assert_allclose(got.detach().numpy(), wanted, rtol=1e-4, atol=1e-5)


def test_arithmetic_ensemble_stays_finite_where_a_probability_vanishes() -> None:
    ensemble = Arithmetic(1, 2)
    torch.nn.init.constant_(ensemble.bias, -200.0)
    answer = ensemble(torch.tensor([[[0.0, -300.0]]]))
    assert answer[0, 0].item() == pytest.approx(0, abs=0.05)
    assert answer[0, 1].item() == pytest.approx(np.log(1e-12))


def test_no_head_trains_the_one_before_and_no_ensemble_trains_heads() -> None:
    method = heads("ztw")
    taps, final = features()
    method(taps, final)["heads"][2].sum().backward()
    assert method.heads[1].classify[-1].weight.grad is None
    assert method.heads[2].classify[-1].weight.grad is not None
    method.zero_grad(set_to_none=True)
    method(taps, final)["logits"][2].square().sum().backward()
    trained = {name.partition(".")[0] for name, parameter in method.named_parameters() if parameter.grad is not None}
    assert trained == {"ensembles"}


def test_last_exit_answers_alone_unless_it_is_stacked() -> None:
    taps, final = features()
    assert torch.equal(heads("ztw").eval()(taps, final)[-1], final)
    stacked = heads("ztw", {"stacking": True}).eval()
    outputs = stacked.train()(taps, final)
    torch.testing.assert_close(outputs["heads"][3], final + stacked.cascades[2](outputs["heads"][2]))
    log_p = torch.log_softmax(torch.stack(outputs["heads"], 1), -1)
    torch.testing.assert_close(outputs["logits"][3], stacked.ensembles[3](log_p))


def test_heads_train_first_and_ensembles_on_what_they_give() -> None:
    method = heads("ztw", {"ensemble_epochs": 5, "ensemble_lr": 0.5})
    assert isinstance(method, ZTW)
    settings = PhaseConfig(epochs=9)
    first, second = method.stages(3, settings)
    assert (first.settings, second.settings) == (settings, replace(settings, epochs=5, lr=0.5))
    outputs, targets, weights = method(*features()), torch.tensor([0, 1, 2, 3]), (0.25,) * 4
    assert first.loss is not None
    assert second.loss is not None
    for loss, key in ((first.loss, "heads"), (second.loss, "logits")):
        wanted = torch.stack([F.cross_entropy(logits, targets) for logits in outputs[key]]).mean()
        torch.testing.assert_close(loss(outputs, targets, weights, 0.0), wanted)
    (together,) = method.stages(2, settings)
    assert together.frozen == frozenset()


def two_stages() -> TrainConfig:
    phase = PhaseConfig(epochs=1, lr=0.05)
    return TrainConfig(
        data=DataConfig(name="synthetic", batch_size=128),
        backbone=BackboneConfig(name="resnet8", options={"width": 4}),
        exits=(0, 1),
        method=MethodConfig(name="ztw", options={"ensemble_epochs": 2, "ensemble_lr": 0.05}),
        regime="disjoint",
        phase1=phase,
        phase3=phase,
        device="cpu",
    )


class Watch:
    """Keeps the weights after every epoch, and pulls the plug after `epochs` of them."""

    def __init__(self, folder: Path, epochs: int | None = None) -> None:
        self.folder, self.epochs = folder, epochs
        self.weights: list[dict[str, torch.Tensor]] = []

    def __call__(self, doing: str, done: int = 0, planned: int = 0) -> None:
        if planned or "is over" in doing or not re.match(r"phase \d( \w+)? epoch ", doing):
            return
        self.weights.append(torch.load(self.folder / "state.pt", weights_only=True)["model"])
        if len(self.weights) == self.epochs:
            raise KeyboardInterrupt


def test_stages_move_only_what_they_train(tmp_path: Path) -> None:
    watch = Watch(tmp_path)
    trained = load_checkpoint(train(two_stages(), tmp_path, progress=watch))
    assert [summary.get("stage") for summary in trained.provenance["phases"]] == [None, "heads", "ensembles"]
    start, heads_done, ensembles_begun, _ = watch.weights
    moved = {name for name in start if not torch.equal(heads_done[name], start[name])}
    assert {name.split(".")[1] for name in moved} == {"heads", "cascades"}
    moved = {name for name in start if not torch.equal(ensembles_begun[name], heads_done[name])}
    assert {name.split(".")[1] for name in moved} == {"ensembles"}


def test_a_run_killed_within_the_second_stage_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = load_checkpoint(train(two_stages(), tmp_path / "whole")).model.state_dict()
    with pytest.raises(KeyboardInterrupt):
        train(two_stages(), tmp_path / "killed", progress=Watch(tmp_path / "killed", epochs=3))
    resumed = load_checkpoint(train(two_stages(), tmp_path / "killed")).model.state_dict()
    assert all(torch.equal(resumed[name], whole[name]) for name in whole)


@pytest.mark.parametrize("options", [{}, {"ensemble": "arithmetic", "stacking": True}])
def test_bundle_agrees_with_torch(options: dict[str, bool | str], tmp_path: Path) -> None:
    built = network("ztw", {**options})
    bundle = check_bundle(built.model, built.score, tmp_path)
    assert (CLASSES,) in [tensor.shape for tensor in bundle.manifest.segments[0].carried]

from pathlib import Path

import pytest
import torch
from method_networks import CLASSES, check_bundle, features, heads, network
from torch import Tensor
from torch.nn import functional as F

from eeinfer.training.methods.gpf import GPF, imitation_loss

VARIANTS = ["gpf", "gpf_original"]


def stacked(method: GPF, taps: list[Tensor]) -> list[Tensor]:
    """The formulas as the paper has them: all states at hand at every exit, nothing summed on the way."""
    bend = torch.tanh if method.original else F.relu
    states = [bend(head(x)) for head, x in zip(method.heads, taps, strict=True)]
    exits = []
    for i in range(len(states)):
        past = torch.stack([method.answers[j](states[j]) for j in range(i + 1)], 1).sum(1)
        gate = torch.stack([method.gates[j](states[j]) for j in range(i + 1)], 1).sum(1) / (i + 1)
        future = torch.zeros_like(past)
        for j in range(i + 1, len(states)):
            imagined = bend(method.imitators[j - 1](states[i]))
            future = future + imagined @ method.answers[j].weight.T + method.answers[j].bias
        share = torch.sigmoid(bend(gate) @ method.balance.weight.T + method.balance.bias)
        exits.append((2 if method.original else 1) * (share * past + (1 - share) * future))
    return exits


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("training", [True, False])
def test_running_sums_equal_stacked_states(variant: str, training: bool) -> None:
    method = heads(variant, {"dim": 8}).train(training)
    taps, final = features()
    outputs = method(taps, final)
    logits = outputs["logits"] if training else outputs
    for answer, wanted in zip(logits, (*stacked(method, taps), final), strict=True):
        torch.testing.assert_close(answer, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_loss_of_a_later_exit_does_not_train_earlier_heads(variant: str) -> None:
    method = heads(variant, {"dim": 8})
    taps, final = features()
    method(taps, final)["logits"][2].sum().backward()
    for earlier in (0, 1):
        assert method.heads[earlier].classify[-1].weight.grad is None
    assert method.answers[0].weight.grad.any()  # the sums themselves keep their gradient
    assert method.heads[2].classify[-1].weight.grad.any()


def test_imitation_is_one_minus_the_cosine_averaged_over_sources() -> None:
    states = [torch.randn(4, 8, requires_grad=True) for _ in range(3)]
    imagined = [torch.randn(4, 2, 8), torch.randn(4, 1, 8)]
    one = torch.ones(4)
    wanted = (
        (F.cosine_embedding_loss(imagined[0][:, 0], states[1], one) / 2)
        + (F.cosine_embedding_loss(imagined[0][:, 1], states[2], one) / 2)
        + F.cosine_embedding_loss(imagined[1][:, 0], states[2], one)
    ) / 2
    torch.testing.assert_close(imitation_loss(states, imagined), wanted)
    assert not imitation_loss(states, imagined).requires_grad  # real states are targets, not pupils
    assert imitation_loss(states[:1], []).item() == 0


def test_loss_weighs_exits_linearly_and_adds_the_imitation() -> None:
    method = heads("gpf", {"dim": 8})
    outputs, targets = method(*features()), torch.tensor([0, 1, 2, 3])
    weights = (0.1, 0.2, 0.3, 0.4)
    wanted = sum(w * F.cross_entropy(z, targets) for w, z in zip(weights, outputs["logits"], strict=True))
    wanted = wanted + imitation_loss(outputs["states"], outputs["imagined"])
    torch.testing.assert_close(method.loss(outputs, targets, weights, 0.0), wanted)
    assert method.loss_weights == "linear"
    assert [tuple(seen.shape) for seen in outputs["imagined"]] == [(4, 2, 8), (4, 1, 8)]


def test_one_imitator_serves_all_sources() -> None:
    assert len(heads("gpf", {"dim": 8}).imitators) == 2
    assert heads("gpf").heads[0].classify[-1].out_features == 128


@pytest.mark.parametrize("variant", VARIANTS)
def test_bundle_agrees_with_torch_and_carries_two_sums(variant: str, tmp_path: Path) -> None:
    built = network(variant, {"dim": 8})
    bundle = check_bundle(built.model, built.score, tmp_path)
    state = [tensor.shape for tensor in bundle.manifest.segments[0].carried if len(tensor.shape) == 1]
    assert state == [(CLASSES,), (CLASSES,)]
    assert bundle.manifest.score == ("entropy" if variant == "gpf_original" else "max_softmax")

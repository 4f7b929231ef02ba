from pathlib import Path

import pytest
import torch
from method_networks import check_bundle, features, heads, network

from eeinfer.errors import ConfigError
from eeinfer.training.methods.boostnet import on_a_line

OPTIONS = {"reweight": 0.5, "reweight_last": 0.8}


@pytest.mark.parametrize("training", [True, False])
def test_each_exit_has_its_own_coefficient_in_training_and_in_use(training: bool) -> None:
    boosted = heads("boostnet", OPTIONS).train(training)
    taps, final = features()
    own = [head(x) for head, x in zip(boosted.heads, taps, strict=True)]
    second = own[1] + 0.5 * own[0]
    third = own[2] + 0.65 * second
    for answer, wanted in zip(boosted(taps, final), (own[0], second, third, final + 0.8 * third), strict=True):
        torch.testing.assert_close(answer, wanted)


def test_the_sum_so_far_carries_no_gradient() -> None:
    boosted = heads("boostnet")
    taps, final = features()
    for x in taps:
        x.requires_grad_()
    boosted(taps, final)[2].sum().backward()
    assert taps[0].grad is None
    assert taps[1].grad is None
    assert taps[2].grad is not None


def test_loss_is_the_sum_over_exits() -> None:
    boosted = heads("boostnet")
    outputs, targets = boosted(*features()), torch.tensor([0, 1, 2, 3])
    wanted = sum(torch.nn.functional.cross_entropy(logits, targets) for logits in outputs)
    torch.testing.assert_close(boosted.loss(outputs, targets, (1.0,) * 4, 0.0), wanted)
    assert boosted.loss_weights == "sum"


def test_coefficients_lie_on_a_line() -> None:
    assert on_a_line(1, 2, 5) == (1, 1.25, 1.5, 1.75, 2)
    assert on_a_line(0.5, 2, 1) == (0.5,)


def test_refuses_a_coefficient_that_is_none() -> None:
    with pytest.raises(ConfigError, match=r"option reweight of method boostnet is 'half'; give a number from 0 to 10"):
        heads("boostnet", {"reweight": "half"})


def test_bundle_agrees_with_torch(tmp_path: Path) -> None:
    built = network("boostnet", OPTIONS)
    bundle = check_bundle(built.model, built.score, tmp_path)
    carried = [tensor.shape for tensor in bundle.manifest.segments[0].carried]
    assert (5,) in carried  # the sum so far

"""Eq. 2 of "Joint or Disjoint": autograd through the pair of identities against the closed form."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eeinfer.bundle.manifest import Input, TensorSpec
from eeinfer.training import BackboneConfig, MethodConfig, TrainConfig
from eeinfer.training.build import build_model
from eeinfer.training.exits.rescaling import balanced, scale_gradient
from eeinfer.training.model import EarlyExitModel

INPUT = Input(tensor=TensorSpec(name="input", dtype="float32", shape=(3, 8, 8)))
CLASSES = 4


def model(backbone: str, *, rescale: bool) -> EarlyExitModel:
    options = {"width": 4} if backbone == "resnet8" else {"dim": 8, "depth": 3, "heads": 2, "patch": 4}
    config = TrainConfig(
        backbone=BackboneConfig(name=backbone, options=options),
        exits=(0, 1),
        method=MethodConfig(name="sdn"),
        regime="joint",
        gradient_rescaling=rescale,
    )
    built = build_model(config, INPUT, CLASSES).model.double().eval()  # eval: statistics would differ between passes
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in built.parameters():  # some classifiers start at zero and would pass no gradient on
            parameter.add_(0.1 * torch.randn_like(parameter))
    return built


def losses(network: EarlyExitModel) -> list[Tensor]:
    torch.manual_seed(0)
    x, targets = torch.randn(6, 3, 8, 8, dtype=torch.float64), torch.arange(6) % CLASSES
    outputs = network(x)
    assert isinstance(outputs, tuple)
    return [F.cross_entropy(logits, targets) for logits in outputs]


def gradients(network: nn.Module, loss: Tensor) -> dict[str, Tensor]:
    named = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    found = torch.autograd.grad(loss, list(named.values()), retain_graph=True, allow_unused=True)
    return {name: torch.zeros_like(p) if g is None else g for (name, p), g in zip(named.items(), found, strict=True)}


@pytest.mark.parametrize("backbone", ["resnet8", "vit"])
def test_blocks_get_the_mean_of_the_losses_above_and_heads_their_own(backbone: str) -> None:
    plain, rescaled = model(backbone, rescale=False), model(backbone, rescale=True)
    rescaled.load_state_dict(plain.state_dict())
    each = [gradients(plain, loss) for loss in losses(plain)]
    total = gradients(rescaled, torch.stack(losses(rescaled)).sum())
    reached = set()
    for name, gradient in total.items():
        above = [exit[name] for exit in each if exit[name].any()]
        reached.add(len(above))
        wanted = torch.stack(above).mean(0) if name.startswith("backbone") else torch.stack(above).sum(0)
        torch.testing.assert_close(gradient, wanted, rtol=1e-9, atol=1e-12)
    assert reached == {1, 2, 3}  # parameters below three, two and one of the exits


def test_nothing_but_gradients_changes() -> None:
    plain, rescaled = model("resnet8", rescale=False), model("resnet8", rescale=True)
    rescaled.load_state_dict(plain.state_dict())
    for one, other in zip(losses(plain), losses(rescaled), strict=True):
        assert one.item() == other.item()
    assert plain.state_dict().keys() == rescaled.state_dict().keys()


def test_the_pair_scales_by_hand() -> None:
    x = torch.tensor([2.0], requires_grad=True)
    for_head, onward = balanced(x, exit=1, num_exits=4)
    (5 * for_head + 7 * onward).sum().backward()
    assert x.grad is not None
    assert x.grad.item() == pytest.approx((5 + 2 * 7) / 3)  # two exits lie behind the next block, three are left here
    assert torch.equal(for_head, x)
    assert torch.equal(scale_gradient(x, 0.5), x)

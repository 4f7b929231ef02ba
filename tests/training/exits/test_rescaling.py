"""Eq. 2 of "Joint or Disjoint": what training makes of gradients, against the closed form, on every kind of network."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eeinfer.bundle.manifest import Input, TensorSpec
from eeinfer.training import BackboneConfig, HeadConfig, MethodConfig, TrainConfig, load_checkpoint, train
from eeinfer.training.build import build_model
from eeinfer.training.exits.rescaling import gradient_shares, scale_gradients
from eeinfer.training.model import EarlyExitModel

INPUT = Input(tensor=TensorSpec(name="input", dtype="float32", shape=(3, 16, 16)))
CLASSES = 4
NETWORKS = {
    "resnet8": TrainConfig(backbone=BackboneConfig(name="resnet8", options={"width": 4}), exits=(0, 1)),
    "inside a block": TrainConfig(
        backbone=BackboneConfig(name="resnet8", options={"width": 4}), exits=("layer2.0.conv1", 1)
    ),
    "vit": TrainConfig(
        backbone=BackboneConfig(name="vit", options={"dim": 8, "depth": 3, "heads": 2, "patch": 4}), exits=(0, 1)
    ),
    "msdnet_tiny": TrainConfig(
        backbone=BackboneConfig(name="msdnet_tiny"),
        exits=(0, 1),
        method=MethodConfig(heads=HeadConfig(type="msd", width=8)),
    ),
    "ranet_tiny": TrainConfig(
        backbone=BackboneConfig(name="ranet_tiny"),
        exits=(0, 1),
        method=MethodConfig(heads=HeadConfig(type="msd", width=8)),
    ),
}
SEQUENCES = ("resnet8", "vit")  # their blocks follow one another: every later exit reads what an earlier one does


def model(name: str) -> EarlyExitModel:
    built = build_model(NETWORKS[name], INPUT, CLASSES).model.double().eval()  # eval: statistics would differ
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in built.parameters():  # some classifiers start at zero and would pass no gradient on
            parameter.add_(0.1 * torch.randn_like(parameter))
    return built


def losses(network: EarlyExitModel) -> list[Tensor]:
    torch.manual_seed(0)
    x, targets = torch.randn(6, 3, 16, 16, dtype=torch.float64), torch.arange(6) % CLASSES
    outputs = network(x)
    assert isinstance(outputs, tuple)
    return [F.cross_entropy(logits, targets) for logits in outputs]


def gradients(network: nn.Module, loss: Tensor) -> dict[str, Tensor | None]:
    named = dict(network.named_parameters())
    found = torch.autograd.grad(loss, list(named.values()), retain_graph=True, allow_unused=True)
    return dict(zip(named, found, strict=True))


@pytest.mark.parametrize("name", NETWORKS)
def test_blocks_get_the_mean_of_the_losses_above_and_heads_their_own(name: str) -> None:
    network = model(name)
    each = [gradients(network, loss) for loss in losses(network)]
    torch.stack(losses(network)).sum().backward()
    scale_gradients(gradient_shares(network, torch.zeros(2, 3, 16, 16, dtype=torch.float64)))
    reached = set()
    for key, parameter in network.named_parameters():
        above = [gradient for exit in each if (gradient := exit[key]) is not None]
        reached.add(len(above))
        wanted = torch.stack(above).mean(0) if key.startswith("backbone") else torch.stack(above).sum(0)
        torch.testing.assert_close(parameter.grad, wanted, rtol=1e-9, atol=1e-12)
    assert reached == {1, 2, 3}  # parameters below three, two and one of the exits


@pytest.mark.parametrize("name", SEQUENCES)
def test_in_a_sequence_the_share_of_block_n_is_as_the_paper_has_it(name: str) -> None:
    network = model(name)
    shares = {id(parameter): share for parameter, share in gradient_shares(network, torch.zeros(2, 3, 16, 16).double())}
    names = {key: shares[id(parameter)] for key, parameter in network.backbone.named_parameters()}
    found = list(names.values()) if name == "resnet8" else [names[f"blocks.{n}.norm1.weight"] for n in range(3)]
    assert found == sorted(found)
    assert {round(1 / share) for share in found} == {1, 2, 3}


def test_the_example_leaves_statistics_and_modes_alone() -> None:
    network = model("resnet8").train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    gradient_shares(network, torch.randn(2, 3, 16, 16).double())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(module.training for module in network.modules())


def test_rescaling_trains_another_network_in_phase_2_alone(tiny: TrainConfig, tmp_path: Path) -> None:
    def weights(name: str, **changes: object) -> dict[str, Tensor]:
        config = replace(tiny, loss_weights="sum", **changes)  # type: ignore[arg-type]  # settings by name
        return load_checkpoint(train(config, tmp_path / name)).model.state_dict()

    for regime, differs in (("joint", True), ("disjoint", False)):
        plain, rescaled = (
            weights(f"{regime}-{flag}", regime=regime, gradient_rescaling=flag) for flag in (False, True)
        )
        assert any(not torch.equal(value, rescaled[key]) for key, value in plain.items()) is differs

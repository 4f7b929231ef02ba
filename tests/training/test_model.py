import copy
from dataclasses import replace
from typing import Any

import pytest
import torch

from eeinfer.training import BackboneConfig, TrainConfig
from eeinfer.training.build import build_model
from eeinfer.training.data import load_dataset
from eeinfer.training.model import EarlyExitModel

NETWORKS: list[tuple[str, dict[str, Any]]] = [
    ("resnet8", {"width": 4}),
    ("vit", {"patch": 4, "dim": 16, "depth": 3, "heads": 2}),
    ("timm:test_efficientnet", {}),
]


def build(tiny: TrainConfig, name: str, options: dict[str, Any]) -> EarlyExitModel:
    config = replace(tiny, backbone=BackboneConfig(name=name, options=options))
    model = build_model(config, load_dataset("synthetic").input(), 4).model
    return model.eval()


@pytest.mark.parametrize(("name", "options"), NETWORKS)
def test_every_exit_gives_logits_and_the_last_is_the_networks_own(
    tiny: TrainConfig, name: str, options: dict[str, Any]
) -> None:
    model, x = build(tiny, name, options), torch.randn(3, 3, 16, 16)
    logits = model(x)
    assert isinstance(logits, tuple)
    assert [tuple(exit.shape) for exit in logits] == [(3, 4)] * 3
    assert torch.equal(logits[-1], model.backbone(x))


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")  # torch on tracing, which our counter of FLOPs needs
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # timm compares sizes in Python
@pytest.mark.parametrize(("name", "options"), NETWORKS[:2])
def test_a_model_is_traced_and_exported_with_a_free_batch(
    tiny: TrainConfig, name: str, options: dict[str, Any]
) -> None:
    model, x, other = build(tiny, name, options), torch.randn(2, 3, 16, 16), torch.randn(5, 3, 16, 16)
    traced = torch.jit.trace(model, x)  # type: ignore[no-untyped-call]
    exported = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},)).module()
    for expected, ours, theirs in zip(model(other), traced(other), exported(other), strict=True):
        torch.testing.assert_close(ours, expected)
        torch.testing.assert_close(theirs, expected)


def test_copies_keep_their_taps_to_themselves(tiny: TrainConfig) -> None:
    model = build(tiny, *NETWORKS[0])
    twin, x = copy.deepcopy(model), torch.randn(2, 3, 16, 16)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.mul_(2)
    before = model(x)
    assert not torch.equal(twin(x)[0], before[0])
    assert torch.equal(model(x)[0], before[0])


def test_taps_hold_nothing_between_runs(tiny: TrainConfig) -> None:
    model = build(tiny, *NETWORKS[0])
    model(torch.randn(2, 3, 16, 16))
    assert model.taps.caught is None
    model.backbone(torch.randn(2, 3, 16, 16))
    assert model.taps.caught is None


def test_taps_are_emptied_when_the_network_fails(tiny: TrainConfig) -> None:
    model = build(tiny, *NETWORKS[0])
    with pytest.raises(RuntimeError):
        model(torch.randn(2, 5, 16, 16))
    assert model.taps.caught is None


def test_maps_need_not_be_square(tiny: TrainConfig) -> None:
    config = replace(tiny, data=replace(tiny.data, image_size=(24, 10)))
    input = load_dataset("synthetic").input((24, 10))
    model = build_model(config, input, 4).model.eval()
    assert [tuple(exit.shape) for exit in model(torch.zeros(2, 3, 24, 10))] == [(2, 4)] * 3


def test_heads_start_the_same_whatever_the_backbone_drew(tiny: TrainConfig) -> None:
    torch.manual_seed(1)
    first = build(tiny, *NETWORKS[0])
    torch.manual_seed(2)
    second = build(tiny, *NETWORKS[0])
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name

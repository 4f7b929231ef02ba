from typing import Any

import pytest
import torch
import torchvision

from eeinfer.errors import ConfigError, DataError
from eeinfer.training import BackboneConfig, HeadConfig, MethodConfig
from eeinfer.training.backbones import BACKBONES, Task, build_backbone, pretrained_input, torchvision_models
from eeinfer.training.exits.placement import place_exits, usable_slots
from eeinfer.training.flops import cumulative_flops
from eeinfer.training.heads.features import feature_specs
from eeinfer.training.methods import build_method
from eeinfer.training.model import EarlyExitModel


def build(name: str, side: int, classes: int = 10, channels: int = 3, **options: Any) -> Any:
    task = Task(in_channels=channels, size=(side, side), num_classes=classes)
    return build_backbone(BackboneConfig(name=name, options=options), task)


def shares(
    name: str, side: int, classes: int, exits: tuple[int, ...], hidden: tuple[int, ...] = (), **options: Any
) -> tuple[float, list[float]]:
    """Cost of the bare network in millions of multiply-adds, and of every exit in percent of it."""
    backbone, example = build(name, side, classes, **options), torch.zeros(2, 3, side, side)
    modules = place_exits(backbone, exits, example)
    config = MethodConfig(heads=HeadConfig(hidden=hidden))
    heads = build_method(config, feature_specs(backbone, modules, example), classes)
    base = cumulative_flops(backbone.network, example).cumulative[0]
    costs = cumulative_flops(EarlyExitModel(backbone.network, modules, heads), example).cumulative
    return base / 1e6, [100 * cost / base for cost in costs]


RESNET_EXITS = (4, 6, 8, 10, 12, 14)


@pytest.mark.parametrize(
    ("name", "options", "side", "classes", "base", "expected"),
    [
        ("resnet34", {}, 32, 100, 1161.96, [31.3, 44.4, 56.0, 69.1, 82.1, 93.7, 100.2]),
        ("resnet34", {"stem": "standard"}, 32, 100, 292.49, [31.9, None, None, None, None, None, 100.9]),
        ("resnet50", {}, 64, 200, 5226, [32.1, 43.1, 58.0, 69.0, 80.1, 95.0, 100.5]),
    ],
)
def test_resnets_cost_what_the_reference_counted(
    name: str, options: dict[str, Any], side: int, classes: int, base: float, expected: list[float | None]
) -> None:
    found_base, found = shares(name, side, classes, RESNET_EXITS, **options)
    assert found_base == pytest.approx(base, rel=1e-4)
    for ours, theirs in zip(found, expected, strict=True):
        assert theirs is None or ours == pytest.approx(theirs, abs=0.06)


def test_vit_costs_what_the_reference_counted() -> None:
    base, found = shares("vit_t", 32, 10, tuple(range(11)), patch=4)
    assert base == pytest.approx(368.03, rel=1e-4)
    assert found[0] == pytest.approx(8.5, abs=0.06)
    assert found[-1] == pytest.approx(100.0, abs=0.06)
    assert shares("vit_s", 32, 10, (0,), patch=4)[0] == pytest.approx(1426.16, rel=1e-4)


def test_vit_with_hidden_heads_costs_what_the_reference_counted() -> None:
    base, found = shares("vit_t", 224, 10, tuple(range(11)), patch=16, hidden=(1024,))
    assert base == pytest.approx(1265.2, rel=1e-4)
    assert found[-1] == pytest.approx(100.2, abs=0.06)


@pytest.mark.parametrize(
    ("name", "classes", "exits", "base", "expected"),
    [
        ("vit_s", 10, (0,), 4621.9, [9.5, 100.0]),
        ("vit_b", 100, (3, 5, 7, 9), 17609.9, [33.8, 50.3, 66.9, 83.4, 100.0]),
    ],
)
def test_vits_for_large_images_cost_what_the_reference_counted(
    name: str, classes: int, exits: tuple[int, ...], base: float, expected: list[float]
) -> None:
    found_base, found = shares(name, 224, classes, exits, patch=16)
    assert found_base == pytest.approx(base, rel=1e-4)
    assert found == pytest.approx(expected, abs=0.06)


def test_efficientnet_costs_no_more_than_the_reference_counted() -> None:
    base, found = shares("efficientnet_v2_s", 32, 100, tuple(range(6, 39, 2)))
    assert base == pytest.approx(62.78, rel=1e-4)
    assert found[0] == pytest.approx(38.2, abs=0.06)
    # Where the map is smaller than the pooled one, ours copies pixels and theirs pools them: a little cheaper.
    assert [found[-3], found[-2], found[-1]] == pytest.approx([101.9, 105.8, 108.2], abs=0.35)
    assert found[-1] <= 108.2


@pytest.mark.parametrize(
    ("name", "side", "channels", "slots", "parameters"),
    [
        ("resnet8", 28, 1, 3, None),
        ("resnet20", 32, 3, 9, None),
        ("resnet110", 32, 3, 54, None),
        ("resnet18", 32, 3, 8, None),
        ("resnet34", 32, 3, 16, 21.28),
        ("resnet50", 32, 3, 16, None),
        ("efficientnet_v2_s", 32, 3, 40, 20.19),
        ("vit_t", 32, 3, 12, 5.36),
        ("vit", 28, 1, 12, None),
    ],
)
def test_every_block_is_a_slot(name: str, side: int, channels: int, slots: int, parameters: float | None) -> None:
    backbone = build(name, side, channels=channels)
    assert len(usable_slots(backbone, torch.zeros(2, channels, side, side))) == slots
    if parameters is not None:
        count = sum(parameter.numel() for parameter in backbone.network.parameters())
        assert count / 1e6 == pytest.approx(parameters, abs=0.01)


@pytest.mark.parametrize(
    ("name", "side", "first", "slots"),
    [
        ("timm:regnetx_002", 64, "s1.b1", 13),
        ("timm:convnext_atto", 64, "stages.0.blocks.0", 12),
        ("timm:mobilenetv3_small_050", 64, "blocks.0.0", 12),
        ("timm:test_vit", 64, "blocks.0", 6),
        ("torchvision:mobilenet_v3_small", 64, "features.1", 11),
        ("torchvision:squeezenet1_1", 64, "features.3", 8),
        ("torchvision:googlenet", 64, "conv1", 12),
        ("shufflenet_v2_x0_5", 64, "stage2.0", 16),
    ],
)
def test_library_models_have_slots(name: str, side: int, first: str, slots: int) -> None:
    found = usable_slots(build(name, side), torch.zeros(2, 3, side, side))
    assert (found[0], len(found)) == (first, slots)


def test_dense_layers_are_no_slots_because_they_give_new_features_alone() -> None:
    backbone = build("torchvision:densenet121", 32)
    found = usable_slots(backbone, torch.zeros(2, 3, 32, 32))
    assert found == tuple(f"features.denseblock{number}" for number in (1, 2, 3, 4))


@pytest.mark.parametrize("name", ["torchvision:mobilenet_v3_small", "timm:mobilenetv3_small_050"])
def test_library_models_read_grey_images(name: str) -> None:
    assert build(name, 32, channels=1).network.eval()(torch.zeros(2, 1, 32, 32)).shape == (2, 10)


def test_swin_maps_are_seen_to_have_their_channels_last() -> None:
    backbone = build("timm:swin_tiny_patch4_window7_224", 56)
    specs = feature_specs(backbone, backbone.slots[:1], torch.zeros(2, 3, 56, 56))
    assert specs[0].channels_last
    assert specs[0].shape == (14, 14, 96)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("resnet21", "unknown backbone 'resnet21': closest of"),
        ("resnet21", "our own are resnet8, resnet14"),
        ("timm:resnet5000", "closest of .* are timm:resnet"),
        ("tim:resnet18", r"unknown library 'tim': did you mean 'timm'\? known are timm, torchvision"),
        ("vgg11", "is in timm and torchvision: name timm:vgg11 or torchvision:vgg11"),
        ("", "unknown backbone ''"),
    ],
)
def test_unknown_and_ambiguous_backbones_are_refused(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(name, 32)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet20", {"stem": "small"}, "unknown option of backbone resnet20 'stem': known are width"),
        ("resnet34", {"stem": "huge"}, "unknown stem 'huge': known are small, standard"),
        ("vit", {"patch": 5}, "patch 5 does not divide the image of 32 x 32 pixels"),
        ("vit", {"dim": 10}, "dim 10 does not divide among 3 attention heads"),
        ("timm:convnext_atto", {"colour": "red"}, "timm:convnext_atto cannot be built"),
        ("torchvision:shufflenet_v2_x0_5", {"colour": "red"}, "cannot be built"),
    ],
)
def test_options_that_do_not_fit_are_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(name, 32, **options)


def test_our_own_backbones_have_no_pretrained_weights() -> None:
    task = Task(in_channels=3, size=(32, 32), num_classes=10)
    with pytest.raises(ConfigError, match=r"no pretrained weights; name timm:"):
        build_backbone(BackboneConfig(name="resnet20", pretrained=True), task)


def test_weights_that_cannot_be_fetched_are_a_data_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", offline)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    task = Task(in_channels=3, size=(64, 64), num_classes=10)
    with pytest.raises(DataError, match=r"could not be fetched \(no route to host\).*set pretrained to False"):
        build_backbone(BackboneConfig(name="torchvision:mobilenet_v3_small", pretrained=True), task)


@pytest.mark.parametrize("name", ["inception_v3", "googlenet"])
def test_a_pretrained_inception_is_rebuilt_the_same_without_its_weights(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its builder changes the network with `pretrained`; a checkpoint is rebuilt without downloading."""

    def as_initialised(weights: Any, *_: object, **__: object) -> dict[str, torch.Tensor]:
        model = torchvision.models.get_model(name, aux_logits=True, init_weights=False)
        return dict(model.state_dict())

    monkeypatch.setattr("torchvision.models._api.WeightsEnum.get_state_dict", as_initialised)
    task = Task(in_channels=3, size=(80, 80), num_classes=7)
    trained = build_backbone(BackboneConfig(name=f"torchvision:{name}", pretrained=True), task).network.eval()
    rebuilt = build_backbone(BackboneConfig(name=f"torchvision:{name}"), task).network.eval()
    rebuilt.load_state_dict(trained.state_dict())
    x = torch.randn(2, 3, 80, 80)
    assert torch.equal(trained(x), rebuilt(x))


def test_pretrained_weights_tell_their_size_and_normalisation() -> None:
    for name in ("timm:vit_tiny_patch16_224", "torchvision:mobilenet_v3_small"):
        known = pretrained_input(BackboneConfig(name=name, pretrained=True))
        assert known is not None
        assert known[0] == (224, 224)
        assert len(known[1].mean) == 3
    assert pretrained_input(BackboneConfig(name="timm:vit_tiny_patch16_224")) is None


def test_pretrained_colour_weights_are_summed_for_grey_images() -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, bias=False))
    colour = network[0].weight.detach().clone()
    torchvision_models.adapt_input(network, 1, pretrained=True)
    grey = torch.rand(1, 1, 5, 5)
    expected = torch.nn.functional.conv2d(grey.expand(1, 3, 5, 5), colour)
    torch.testing.assert_close(network(grey), expected)


@pytest.mark.parametrize("name", ["torchvision:mobilenet_v3_small", "torchvision:squeezenet1_1"])
def test_the_last_layer_is_replaced_for_other_classes(name: str) -> None:
    network = build(name, 64, classes=1000).network
    torchvision_models.replace_classifier(network, 7)
    assert network.eval()(torch.zeros(2, 3, 64, 64)).shape == (2, 7)


def test_nothing_works_in_place_on_what_an_exit_reads() -> None:
    network = build("torchvision:mobilenet_v3_small", 32).network
    assert not any(getattr(module, "inplace", False) for module in network.modules())


def test_the_table_names_every_family() -> None:
    assert {f"resnet{depth}" for depth in (8, 14, 20, 32, 44, 56, 110, 18, 34, 50)} <= set(BACKBONES)

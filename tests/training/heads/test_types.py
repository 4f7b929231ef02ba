"""Every head shape against the layers written out, what it refuses, and its export."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import eeinfer
from eeinfer.errors import ConfigError
from eeinfer.export import export_bundle
from eeinfer.training.config import HEAD_TYPES, HeadConfig
from eeinfer.training.heads.features import FeatureSpec
from eeinfer.training.heads.head import Head
from eeinfer.training.heads.types import BODIES, CONV_STACKS, build_body, shrunk

MAP = FeatureSpec(kind="map", shape=(8, 13, 13), place="exit 1 behind 'layer2.0'")
TOKENS = FeatureSpec(kind="tokens", shape=(5, 6), class_token=True, prefix_tokens=1)


def mixed_pool(x: Tensor, alpha: Tensor, size: int) -> Tensor:
    return alpha * F.adaptive_max_pool2d(x, size) + (1 - alpha) * F.adaptive_avg_pool2d(x, size)


def test_every_type_of_the_config_can_be_built() -> None:
    assert set(HEAD_TYPES) == set(BODIES)


@pytest.mark.parametrize(
    ("name", "channels", "strides"),
    [
        ("conv_1l", [4], [2]),
        ("conv_2l", [8, 4], [2, 1]),
        ("conv_3l", [8, 8, 4], [2, 1, 1]),
        ("conv_4l", [4, 4, 4, 2], [1, 1, 2, 1]),
        ("conv_5l", [4, 4, 4, 4, 4], [1, 1, 1, 1, 1]),
    ],
)
def test_conv_stacks_are_relu_and_convolutions_without_padding(
    name: str, channels: list[int], strides: list[int]
) -> None:
    body = build_body(MAP, HeadConfig(type=name)).eval()
    convs = [module for module in body.modules() if isinstance(module, nn.Conv2d)]
    assert [conv.out_channels for conv in convs] == channels
    x = y = torch.randn(3, *MAP.shape)
    for conv, stride in zip(convs, strides, strict=True):
        y = F.conv2d(y.relu(), conv.weight, conv.bias, stride)
    alpha = dict(body.named_parameters())[f"layers.{2 * len(convs)}.alpha"]
    torch.testing.assert_close(body(x), mixed_pool(y, alpha, 4).flatten(1))
    assert body.width == channels[-1] * 16


@pytest.mark.parametrize("name", CONV_STACKS)
def test_the_smallest_map_of_a_conv_stack_is_taken_and_one_pixel_less_refused(name: str) -> None:
    needed = {"conv_1l": 3, "conv_2l": 7, "conv_3l": 11, "conv_4l": 11, "conv_5l": 11}[name]
    config = HeadConfig(type=name)
    smallest = FeatureSpec(kind="map", shape=(4, needed, needed + 1))
    assert torch.isfinite(build_body(smallest, config)(torch.randn(2, 4, needed, needed + 1))).all()
    small = FeatureSpec(kind="map", shape=(4, needed + 1, needed - 1), place="exit 2 behind 'layer3.0'")
    wanted = f"exit 2 behind 'layer3.0': head {name} needs a map of at least {needed} x {needed} and finds"
    with pytest.raises(ConfigError, match=re.escape(f"{wanted} {needed + 1} x {needed - 1}")):
        build_body(small, config)


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "padding"), [(7, 3, 2, 1), (8, 3, 2, 0), (5, 2, 2, 0), (2, 3, 1, 0)]
)
def test_shrunk_is_the_side_that_a_convolution_leaves(side: int, kernel: int, stride: int, padding: int) -> None:
    left = shrunk(side, [(kernel, stride, padding)])
    if side + 2 * padding < kernel:
        assert left == 0
    else:
        assert left == nn.Conv2d(1, 1, kernel, stride, padding)(torch.zeros(1, 1, side, side)).shape[-1]


def test_conv_same_keeps_the_map_and_pools_it() -> None:
    body = build_body(MAP, HeadConfig(type="conv_same", width=3)).eval()
    parameters = dict(body.named_parameters())
    x = torch.randn(2, *MAP.shape)
    y = F.conv2d(x, parameters["layers.0.weight"], parameters["layers.0.bias"], 1, 1).relu()
    torch.testing.assert_close(body(x), mixed_pool(y, parameters["layers.2.alpha"], 4).flatten(1))


def test_msd_halves_twice_and_takes_the_mean_of_two_by_two() -> None:
    body = build_body(MAP, HeadConfig(type="msd")).train()
    convs = [module for module in body.modules() if isinstance(module, nn.Conv2d)]
    x = y = torch.randn(4, *MAP.shape)
    for conv in convs:
        assert conv.bias is None
        y = F.conv2d(y, conv.weight, None, 2, 1)
        y = F.batch_norm(y, None, None, training=True).relu()
    torch.testing.assert_close(body(x), F.avg_pool2d(y, 2).flatten(1), rtol=1e-4, atol=1e-5)
    assert body.width == 128 * 2 * 2


@pytest.mark.parametrize(("side", "width"), [(1, 3), (4, 3), (5, 3), (12, 3), (13, 12)])
def test_msd_takes_a_map_of_any_size(side: int, width: int) -> None:
    body = build_body(FeatureSpec(kind="map", shape=(8, side, side)), HeadConfig(type="msd", width=3)).eval()
    assert body(torch.zeros(2, 8, side, side)).shape == (2, body.width) == (2, width)


def test_msd_may_be_as_wide_as_its_map() -> None:
    assert build_body(FeatureSpec(kind="map", shape=(7, 6, 6)), HeadConfig(type="msd", width=0)).width == 7


def test_measuring_a_head_does_not_move_its_statistics() -> None:
    body = build_body(MAP, HeadConfig(type="msd"))
    norms = [module for module in body.modules() if isinstance(module, nn.BatchNorm2d)]
    assert all(norm.training and norm.num_batches_tracked == 0 for norm in norms)


def test_pooler_is_a_linear_layer_and_tanh_on_the_class_token() -> None:
    body = build_body(TOKENS, HeadConfig(type="pooler_tanh")).eval()
    parameters = dict(body.named_parameters())
    x = torch.randn(2, *TOKENS.shape)
    torch.testing.assert_close(
        body(x), torch.tanh(F.linear(x[:, 0], parameters["pool.weight"], parameters["pool.bias"]))
    )
    assert not torch.equal(body.train()(x), body.eval()(x))  # dropout, in training alone
    with pytest.raises(ConfigError, match="pooler_tanh reads tokens, not a map"):
        build_body(MAP, HeadConfig(type="pooler_tanh"))


def test_swin_pools_the_whole_map_channels_last_or_not() -> None:
    last = FeatureSpec(kind="map", shape=(6, 6, 8), channels_last=True)
    body = build_body(last, HeadConfig(type="swin"))
    x = torch.randn(2, *last.shape)
    alpha = dict(body.named_parameters())["pool.alpha"]
    torch.testing.assert_close(body(x), alpha * x.amax((1, 2)) + (1 - alpha) * x.mean((1, 2)))
    assert build_body(MAP, HeadConfig(type="swin")).width == 8
    with pytest.raises(ConfigError, match="head swin reads a map, not tokens"):
        build_body(TOKENS, HeadConfig(type="swin"))


@pytest.mark.parametrize(
    ("name", "hidden", "shape"),
    [
        ("standard", (), (8, 13, 13)),
        ("conv_2l", (5,), (8, 13, 13)),
        ("conv_same", (), (13, 13, 8)),
        ("msd", (), (13, 13, 8)),
    ],
)
def test_channels_last_maps_give_what_channels_first_maps_do(
    name: str, hidden: tuple[int, ...], shape: tuple[int, ...]
) -> None:
    config = HeadConfig(type=name, hidden=hidden, pool=None if name == "msd" else 4)
    last = FeatureSpec(kind="map", shape=(13, 13, 8), channels_last=True)
    first, second = Head(MAP, 3, config).eval(), Head(last, 3, config).eval()
    second.load_state_dict(first.state_dict())
    x = torch.randn(2, *MAP.shape)
    torch.testing.assert_close(first(x), second(x.permute(0, 2, 3, 1)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"type": "conv_9l"}, r"unknown type of head 'conv_9l': did you mean 'conv_5l'\? known are standard"),
        ({"type": "conv_1l", "width": 8}, "head conv_1l has no width to set"),
        ({"type": "msd", "pool": 2}, "head msd has no mixed pooling"),
        ({"width": -1}, "width is -1"),
    ],
)
def test_settings_without_a_meaning_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build_body(MAP, HeadConfig(**changes))


class Heads(nn.Module):
    """One exit on tokens made of a map, and one per head shape on the map: small ones first, as exits have to rise."""

    def __init__(self) -> None:
        super().__init__()
        spec = FeatureSpec(kind="map", shape=(4, 13, 13))
        tokens = FeatureSpec(kind="tokens", shape=(13, 13 * 4), class_token=True)
        names = [name for name in HEAD_TYPES if name != "pooler_tanh"]
        self.stem = nn.Conv2d(1, 4, 3, 1, 1)
        heads = [Head(spec, 3, HeadConfig(type=name)) for name in names]
        self.heads = nn.ModuleList(sorted(heads, key=lambda head: sum(p.numel() for p in head.parameters())))
        self.pooler = Head(tokens, 3, HeadConfig(type="pooler_tanh"))

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x)
        tokens = x.permute(0, 2, 3, 1).flatten(2)
        return [self.pooler(tokens), *(head(x) for head in self.heads)]


def test_every_head_exports(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Heads().eval()
    images = np.random.default_rng(0).standard_normal((7, 1, 13, 13), dtype=np.float32)
    with eeinfer.load(export_bundle(model, torch.zeros(1, 1, 13, 13), tmp_path / "heads"), threads=1) as engine:
        found = engine.all_exits(images).logits
        alone = np.concatenate([engine.all_exits(images[i : i + 1]).logits for i in range(7)])
    with torch.no_grad():
        expected = torch.stack(model(torch.from_numpy(images)), 1).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    np.testing.assert_allclose(alone, expected, atol=1e-5)

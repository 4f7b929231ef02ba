"""MSDNet: the published costs, which no other architecture has, and a cut between maps of several scales."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from multiscale_networks import (
    assert_chain_equals_torch,
    assert_nothing_dead_is_carried,
    crossing,
    exit_costs,
    images,
    network,
    shaken,
    trained_system_cost,
)
from torch import Tensor, nn

from eeinfer.bundle.folder import Bundle
from eeinfer.errors import ConfigError
from eeinfer.export import export_bundle
from eeinfer.training import BackboneConfig
from eeinfer.training.backbones import Task, build_backbone
from eeinfer.training.backbones.msdnet import Layout
from eeinfer.training.backbones.multiscale import OwnExits, StridedReduction
from eeinfer.training.exits.placement import place_exits
from eeinfer.training.flops import cumulative_flops


@pytest.mark.parametrize(
    ("name", "side", "classes", "expected", "digits"),
    [
        ("msdnet_cifar_anytime", 32, 100, [15.14, 25.51, 37.10, 46.33, 57.34, 66.96, 75.94], 2),
        ("msdnet_cifar_batch", 32, 100, [6.86, 14.35, 27.54, 41.71, 58.48], 2),
        ("msdnet_imagenet_4", 224, 1000, [339.9, 685.5, 1008.2, 1254.5, 1360.5], 1),
        ("msdnet_imagenet_6", 224, 1000, [514.7, 1171.2, 1844.5, 2501.4, 2742.1], 1),
        ("msdnet_imagenet_7", 224, 1000, [615.7, 1436.4, 2283.2, 2967.4, 3253.8], 1),
    ],
)
def test_every_exit_costs_what_the_reference_counted(
    name: str, side: int, classes: int, expected: list[float], digits: int
) -> None:
    assert [round(cost, digits) for cost in exit_costs(name, side, classes)] == expected


def test_training_builds_the_same_system_from_taps_and_msd_heads() -> None:
    assert trained_system_cost("msdnet_cifar_anytime", 7, 32, 100) == exit_costs("msdnet_cifar_anytime", 32, 100)[-1]


def test_the_defaults_are_the_any_time_network() -> None:
    assert exit_costs("msdnet", 32, 100) == exit_costs("msdnet_cifar_anytime", 32, 100)


def test_heads_on_imagenet_are_as_wide_as_their_maps() -> None:
    with torch.device("meta"):
        model = OwnExits(network("msdnet_imagenet_4", 224, 3, 1000))
    assert [head.reduce.width for head in (*model.heads, model.network.head)] == [384, 384, 352, 304, 560]


@pytest.mark.parametrize(
    ("name", "side", "scales"),
    [("msdnet_cifar_anytime", 32, [3, 3, 2, 2, 2, 1, 1]), ("msdnet_imagenet_4", 224, [4, 3, 2, 1, 1])],
)
def test_the_finest_scales_end_with_depth(name: str, side: int, scales: list[int]) -> None:
    with torch.device("meta"):
        built = network(name, side, 3)
        maps, found = built.stem(torch.zeros(1, 3, side, side)), []
        for block in built.blocks:
            maps = block(maps)
            found.append(maps)
    assert [len(maps) for maps in found] == scales
    if name == "msdnet_imagenet_4":
        assert [tuple(x.shape[1:3]) for x in found[0]] == [(96, 56), (192, 28), (384, 14), (384, 7)]


def test_the_other_pruning_keeps_scales_for_as_long_as_the_last_exit_needs_them() -> None:
    layout = Layout(blocks=(2, 2, 2), num_scales=3, prune="min", reduction=0.5)
    assert [layout.scales(layer) for layer in range(7)] == [3, 3, 3, 3, 3, 2, 1]
    assert [layer for layer in range(1, 7) if layout.has_transition(layer)] == [2, 4]


@settings(max_examples=12, deadline=None)
@given(
    options=st.fixed_dictionaries(
        {
            "n_blocks": st.integers(1, 4),
            "base": st.integers(1, 3),
            "step": st.integers(1, 2),
            "step_mode": st.sampled_from(["even", "lin_grow"]),
            "n_channels": st.integers(1, 9),
            "growth": st.integers(2, 7),
            "gr_factor": st.sampled_from(["1", "1-2", "1-2-4", "2-1-3"]),
            "bottleneck": st.booleans(),
            "prune": st.sampled_from(["max", "min"]),
            "reduction": st.sampled_from([0.0, 0.5, 0.9]),
            "stem": st.sampled_from(["small", "standard"]),
            "head_width": st.sampled_from([0, 5]),
        }
    ),
    side=st.integers(5, 40),
)
def test_any_options_give_the_maps_that_they_declare(options: dict[str, Any], side: int) -> None:
    built = network("msdnet", side, 3, bn_factor=options["gr_factor"], **options).eval()
    with torch.no_grad():
        found = list(built.exit_maps(torch.zeros(1, 3, side, side)))
        assert tuple(tuple(x.shape[1:]) for x in found) == built.exit_shapes
        assert all(built.make_head(k).eval()(x).shape == (1, 10) for k, x in enumerate(found))


@pytest.mark.parametrize("side", [*range(1, 15), 28])
def test_a_head_reads_a_map_of_any_size(side: int) -> None:
    reduction = StridedReduction((3, side, side), 4)
    assert reduction(torch.zeros(2, 3, side, side)).shape == (2, reduction.width)
    assert not 5 <= side <= 12 or reduction.width == 4


def test_features_and_heads_come_apart() -> None:
    model, x = shaken("msdnet_tiny"), images(3)
    with torch.no_grad():
        logits = model(x)
        features = tuple(model.features(x))
        heads = (*model.heads, model.network.head)
        for head, feature, answer in zip(heads, features, logits, strict=True):
            assert feature.shape == (3, head.reduce.width)
            torch.testing.assert_close(head.classify(feature), answer)
        torch.testing.assert_close(model.network(x), logits[-1])


def test_who_stops_at_an_exit_leaves_the_later_blocks_uncomputed() -> None:
    built = network("msdnet_tiny").eval()
    ran: list[int] = []
    for number, block in enumerate(built.blocks):
        block.register_forward_hook(lambda *_, number=number: ran.append(number))
    next(built.exit_maps(images(1)))
    assert ran == [0]


def test_what_a_hook_on_a_tap_returns_goes_on_into_the_next_block() -> None:
    built, x = network("msdnet_tiny").eval(), images(2)
    with torch.no_grad():
        before = list(built.exit_maps(x))
        built.taps[1].register_forward_hook(lambda module, args, output: torch.zeros_like(output))
        after = list(built.exit_maps(x))
    assert torch.equal(before[0], after[0])
    assert not after[1].any()
    assert not torch.allclose(before[2], after[2])


def test_the_last_exit_alone_trains_the_whole_network() -> None:
    built = network("msdnet_tiny")
    built(images(4)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in built.parameters())


def test_slots_are_the_exits_that_the_network_was_built_with() -> None:
    task = Task(in_channels=1, size=(28, 28), num_classes=10)
    backbone = build_backbone(BackboneConfig(name="msdnet_tiny"), task)
    assert place_exits(backbone, (0, 1), torch.zeros(2, 1, 28, 28)) == ("taps.0", "taps.1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step_mode": "lg"}, "unknown step_mode 'lg': known are even, lin_grow"),
        ({"prune": "all"}, "unknown prune 'all': known are max, min"),
        ({"stem": "large"}, "unknown stem 'large': known are small, standard"),
        ({"gr_factor": "1-2"}, "gr_factor 1-2, bn_factor 1-2-4 differ in the number of scales"),
        ({"gr_factor": "1,2"}, "gr_factor is '1,2'; give whole numbers"),
        ({"gr_factor": "1-0-2"}, "gr_factor is '1-0-2'; give whole numbers"),
        ({"n_blocks": 0}, "n_blocks is 0; allowed are whole numbers from 1"),
        ({"growth": 1}, "growth is 1; allowed are whole numbers from 2"),
        ({"base": 2.0}, "base is 2.0; allowed are whole numbers from 1"),
        ({"reduction": 1.5}, "reduction is 1.5; allowed are numbers from 0 to 1"),
        ({"reduction": 0.01}, "reduction 0.01 leaves no channel"),
    ],
)
def test_an_option_out_of_range_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        network("msdnet", 32, **options)


@pytest.fixture(scope="module")
def model() -> OwnExits:
    return shaken("msdnet_tiny")


@pytest.fixture(scope="module")
def bundle(model: OwnExits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_bundle(model, images(1), tmp_path_factory.mktemp("msdnet") / "msdnet")


def test_the_chain_of_segments_equals_torch(bundle: Path, model: OwnExits) -> None:
    assert_chain_equals_torch(bundle, model)


def test_a_cut_carries_one_map_per_scale_that_goes_on(bundle: Path) -> None:
    manifest = Bundle.open(bundle).manifest
    assert_nothing_dead_is_carried(manifest)
    assert [len(names) for names in crossing(manifest)] == [2, 1]


class FirstBlock(nn.Module):
    """Exit 0 alone, then every map of the first block."""

    def __init__(self, model: OwnExits) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = self.model.network.blocks[0](self.model.network.stem(x))
        return [self.model.heads[0](maps[-1]), *maps]


def test_an_exit_pays_for_no_map_that_it_does_not_read(bundle: Path, model: OwnExits) -> None:
    # The finest map's last layer of a block serves the next block alone, so it belongs to the next segment.
    exit, *_, block = cumulative_flops(FirstBlock(model), images(1)).cumulative
    assert Bundle.open(bundle).manifest.segments[0].cumulative_flops == exit < block

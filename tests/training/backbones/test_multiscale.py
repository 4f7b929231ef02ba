"""What MSDNet and RANet have in common: features and heads apart, exits where they were built, segments that agree."""

from pathlib import Path
from typing import Any

import pytest
import torch
from multiscale_networks import (
    OwnExits,
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
from eeinfer.bundle.layout import alive
from eeinfer.errors import ConfigError
from eeinfer.export import export_bundle
from eeinfer.training import BackboneConfig
from eeinfer.training.backbones import Task, build_backbone
from eeinfer.training.exits.placement import place_exits
from eeinfer.training.flops import cumulative_flops

TINY = ("msdnet_tiny", "ranet_tiny")


@pytest.fixture(scope="module")
def models() -> dict[str, OwnExits]:
    return {name: shaken(name) for name in TINY}


@pytest.fixture(scope="module")
def bundles(models: dict[str, OwnExits], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("multiscale")
    return {name: export_bundle(model, images(1), folder / name) for name, model in models.items()}


@pytest.mark.parametrize(("name", "exits"), [("msdnet_cifar_anytime", 7), ("ranet_cifar_lg", 6)])
def test_training_builds_the_same_system_from_taps_and_msd_heads(name: str, exits: int) -> None:
    assert trained_system_cost(name, exits, 32, 100) == exit_costs(name, 32, 100)[-1]


@pytest.mark.parametrize("name", TINY)
def test_features_and_heads_come_apart(models: dict[str, OwnExits], name: str) -> None:
    model, x = models[name], images(3)
    with torch.no_grad():
        logits = model(x)
        heads = (*model.heads, model.network.head)
        for head, feature, answer in zip(heads, model.features(x), logits, strict=True):
            assert feature.shape == (3, head.reduce.width)
            torch.testing.assert_close(head.classify(feature), answer)
        torch.testing.assert_close(model.network(x), logits[-1])


@pytest.mark.parametrize("name", TINY)
def test_the_last_exit_alone_trains_the_whole_network(name: str) -> None:
    built = network(name)
    built(images(4)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in built.parameters())


@pytest.mark.parametrize("name", TINY)
def test_slots_are_the_exits_that_the_network_was_built_with(name: str) -> None:
    task = Task(in_channels=1, size=(28, 28), num_classes=10)
    backbone = build_backbone(BackboneConfig(name=name), task)
    assert place_exits(backbone, (0, 1), torch.zeros(2, 1, 28, 28)) == ("taps.0", "taps.1")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("msdnet", {"step_mode": "lg"}, "unknown step_mode 'lg': known are even, lin_grow"),
        ("msdnet", {"prune": "all"}, "unknown prune 'all': known are max, min"),
        ("msdnet", {"stem": "large"}, "unknown stem 'large': known are small, standard"),
        ("msdnet", {"gr_factor": "1-2"}, "gr_factor 1-2, bn_factor 1-2-4 differ in the number of scales"),
        ("msdnet", {"gr_factor": "1,2"}, "gr_factor is '1,2'; give whole numbers"),
        ("msdnet", {"gr_factor": "1-0-2"}, "gr_factor is '1-0-2'; give whole numbers"),
        ("msdnet", {"n_blocks": 0}, "n_blocks is 0; allowed are whole numbers from 1"),
        ("msdnet", {"growth": 1}, "growth is 1; allowed are whole numbers from 2"),
        ("msdnet", {"base": 2.0}, "base is 2.0; allowed are whole numbers from 1"),
        ("msdnet", {"reduction": 1.5}, "reduction is 1.5; allowed are numbers from 0 to 1"),
        ("msdnet", {"reduction": 0.01}, "reduction 0.01 leaves no channel"),
        ("ranet", {"step_mode": "lin_grow"}, "unknown step_mode 'lin_grow': known are even, lg"),
        ("ranet", {"stem": "large"}, "unknown stem 'large': known are small, standard"),
        (
            "ranet",
            {"scale_list": "1-2"},
            "scale_list 1-2, gr_factor 4-2-1, bn_factor 4-2-1 differ in",
        ),
        ("ranet", {"scale_list": "2-2-3"}, "scale_list is 2-2-3; start at 1"),
        ("ranet", {"scale_list": "1-2-4"}, "scale_list is 1-2-4; start at 1"),
        ("ranet", {"scale_list": "1-2-1"}, "scale_list is 1-2-1; start at 1"),
        ("ranet", {"block_step": 0}, "block_step is 0; allowed are whole numbers from 1"),
        ("ranet", {"compress": 0.1}, "compress is 0.1; of the 6 channels of a layer it must leave some, not all"),
        ("ranet", {"compress": 1}, "compress is 1; of the 6 channels"),
        ("ranet", {"reduction": 0}, "reduction is 0; allowed are numbers above 0, to 1"),
        ("ranet", {"reduction": 0.01}, "reduction 0.01 leaves no channel"),
    ],
)
def test_an_option_out_of_range_is_refused(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        network(name, 32, **options)


@pytest.mark.parametrize("name", TINY)
def test_the_chain_of_segments_equals_torch(bundles: dict[str, Path], models: dict[str, OwnExits], name: str) -> None:
    assert_chain_equals_torch(bundles[name], models[name])


@pytest.mark.parametrize("name", TINY)
def test_nothing_is_carried_that_no_later_segment_reads(bundles: dict[str, Path], name: str) -> None:
    assert_nothing_dead_is_carried(Bundle.open(bundles[name]).manifest)


def test_a_cut_of_msdnet_carries_one_map_per_scale_that_goes_on(bundles: dict[str, Path]) -> None:
    assert [len(names) for names in crossing(Bundle.open(bundles["msdnet_tiny"]).manifest)] == [2, 1]


def test_cuts_of_ranet_carry_finer_stem_maps_and_every_layer_that_is_still_to_be_fused(
    bundles: dict[str, Path],
) -> None:
    manifest = Bundle.open(bundles["ranet_tiny"]).manifest
    # Behind exit 0: the stem maps of sub-networks 1 and 2 and the three maps of block 0. Behind exit 1: one stem map
    # and the three maps of each of two blocks.
    assert [len(names) for names in crossing(manifest)] == [5, 7]
    assert {tensor.name for tensor in manifest.segments[2].inputs} == crossing(manifest)[1]
    assert [{tensor.name for tensor in kept} for kept in alive(manifest)] == [*crossing(manifest), set()]


class FirstBlock(nn.Module):
    """Exit 0 alone, then every map of the first block."""

    def __init__(self, model: OwnExits) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = self.model.network.blocks[0](self.model.network.stem(x))
        return [self.model.heads[0](maps[-1]), *maps]


def test_an_exit_pays_for_no_map_that_it_does_not_read(bundles: dict[str, Path], models: dict[str, OwnExits]) -> None:
    # The finest map's last layer of a block serves the next block alone, so it belongs to the next segment.
    exit, *_, block = cumulative_flops(FirstBlock(models["msdnet_tiny"]), images(1)).cumulative
    assert Bundle.open(bundles["msdnet_tiny"]).manifest.segments[0].cumulative_flops == exit < block

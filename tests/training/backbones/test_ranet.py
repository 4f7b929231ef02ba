"""RANet: the published costs, which no other architecture has, and cuts through features that are fused much later."""

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

from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.layout import alive
from eeinfer.errors import ConfigError
from eeinfer.export import export_bundle
from eeinfer.training import BackboneConfig
from eeinfer.training.backbones import Task, build_backbone
from eeinfer.training.backbones.multiscale import OwnExits
from eeinfer.training.backbones.ranet_blocks import FusionBlock, resized
from eeinfer.training.exits.placement import place_exits


# METHODS names the data set CIFAR-10; its numbers are those of heads for 100 classes.
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ranet_cifar_even", [15.83, 31.31, 44.69, 50.40, 60.71, 63.72, 90.26, 95.00]),
        ("ranet_cifar_lg", [8.37, 21.79, 32.88, 41.57, 53.28, 58.99]),
    ],
)
def test_every_exit_costs_what_the_reference_counted(name: str, expected: list[float]) -> None:
    assert [round(cost, 2) for cost in exit_costs(name, 32, 100)] == expected


def test_training_builds_the_same_system_from_taps_and_msd_heads() -> None:
    assert trained_system_cost("ranet_cifar_lg", 6, 32, 100) == exit_costs("ranet_cifar_lg", 32, 100)[-1]


@pytest.mark.parametrize(
    ("name", "side", "coarsest", "fused", "blocks"),
    [
        ("ranet_cifar_even", 32, 8, [0, 2, 4, 6], [2, 4, 6, 8]),
        ("ranet_cifar_lg", 32, 8, [0, 2, 4], [2, 4, 6]),
        ("ranet_imagenet_32", 224, 7, [0, 2, 4, 6], [2, 4, 6, 8]),
        ("ranet_imagenet_64", 224, 7, [0, 2, 4, 6], [2, 4, 6, 8]),
    ],
)
def test_a_sub_network_exits_where_the_one_before_has_no_blocks_left(
    name: str, side: int, coarsest: int, fused: list[int], blocks: list[int]
) -> None:
    with torch.device("meta"):
        built = network(name, side, 3)
    assert [len(part) for part in built.subnetworks] == blocks
    assert [sum(isinstance(block, FusionBlock) for block in part) for part in built.subnetworks] == fused
    assert len(built.exit_shapes) == blocks[-1]
    assert {shape[1:] for shape in built.exit_shapes} == {(coarsest, coarsest)}


@settings(max_examples=12, deadline=None)
@given(
    options=st.fixed_dictionaries(
        {
            "n_blocks": st.integers(1, 2),
            "block_step": st.integers(1, 2),
            "step": st.integers(1, 2),
            "step_mode": st.sampled_from(["even", "lg"]),
            "n_channels": st.integers(1, 9),
            "growth": st.integers(4, 9),
            "compress": st.sampled_from([0.25, 0.5]),
            "reduction": st.sampled_from([0.5, 1.0]),
            "stem": st.sampled_from(["small", "standard"]),
            "head_width": st.sampled_from([0, 5]),
        }
    ),
    scales=st.sampled_from([("1", "2"), ("1-2", "2-1"), ("1-1-2", "4-2-1"), ("1-2-3", "3-2-1")]),
    side=st.integers(5, 40),
)
def test_any_options_give_the_maps_that_they_declare(
    options: dict[str, Any], scales: tuple[str, str], side: int
) -> None:
    factors = {"scale_list": scales[0], "gr_factor": scales[1], "bn_factor": scales[1]}
    built = network("ranet", side, 3, **factors, **options).eval()
    with torch.no_grad():
        found = list(built.exit_maps(torch.zeros(1, 3, side, side)))
        assert tuple(tuple(x.shape[1:]) for x in found) == built.exit_shapes
        assert all(built.make_head(k).eval()(x).shape == (1, 10) for k, x in enumerate(found))


def test_resizing_keeps_corners_and_is_linear_between() -> None:
    x = torch.tensor([[[[0.0, 4.0], [8.0, 12.0]]]])
    assert resized(x, (2, 2)) is x
    assert resized(x, (3, 3)).tolist() == [[[[0.0, 2.0, 4.0], [4.0, 6.0, 8.0], [8.0, 10.0, 12.0]]]]


def test_features_and_heads_come_apart() -> None:
    model, x = shaken("ranet_tiny"), images(3)
    with torch.no_grad():
        logits = model(x)
        heads = (*model.heads, model.network.head)
        for head, feature, answer in zip(heads, model.features(x), logits, strict=True):
            torch.testing.assert_close(head.classify(feature), answer)
        torch.testing.assert_close(model.network(x), logits[-1])


def test_who_stops_at_an_exit_leaves_the_finer_sub_networks_uncomputed() -> None:
    built = network("ranet_tiny").eval()
    ran: list[int] = []
    for number, part in enumerate(built.subnetworks):
        part[0].register_forward_hook(lambda *_, number=number: ran.append(number))
    exits = built.exit_maps(images(1))
    next(exits)
    assert ran == [0]
    next(exits)
    assert ran == [0, 1]


def test_a_sub_network_reads_every_layer_of_the_one_before() -> None:
    built, x = network("ranet_tiny").eval(), images(2)
    with torch.no_grad():
        before = list(built.exit_maps(x))
        for layer in built.subnetworks[1][0].layers:
            layer.low[0][0].weight.add_(1.0)
            after = list(built.exit_maps(x))
            assert torch.equal(before[0], after[0])
            assert not torch.allclose(before[1], after[1])
            before = after


def test_the_last_exit_alone_trains_the_whole_network() -> None:
    built = network("ranet_tiny")
    built(images(4)).square().sum().backward()
    assert all(parameter.grad is not None for parameter in built.parameters())


def test_slots_are_the_exits_that_the_network_was_built_with() -> None:
    task = Task(in_channels=1, size=(28, 28), num_classes=10)
    backbone = build_backbone(BackboneConfig(name="ranet_tiny"), task)
    assert place_exits(backbone, (0, 1), torch.zeros(2, 1, 28, 28)) == ("taps.0", "taps.1")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"step_mode": "lin_grow"}, "unknown step_mode 'lin_grow': known are even, lg"),
        ({"stem": "large"}, "unknown stem 'large': known are small, standard"),
        ({"scale_list": "1-2"}, "scale_list 1-2, gr_factor 4-2-1, bn_factor 4-2-1 differ in the number of scales"),
        ({"scale_list": "2-2-3"}, "scale_list is 2-2-3; start at 1"),
        ({"scale_list": "1-2-4"}, "scale_list is 1-2-4; start at 1"),
        ({"scale_list": "1-2-1"}, "scale_list is 1-2-1; start at 1"),
        ({"block_step": 0}, "block_step is 0; allowed are whole numbers from 1"),
        ({"compress": 0.1}, "compress is 0.1; of the 6 channels of a layer it must leave some, not all"),
        ({"compress": 1}, "compress is 1; of the 6 channels"),
        ({"reduction": 0}, "reduction is 0; allowed are numbers above 0, to 1"),
        ({"reduction": 0.01}, "reduction 0.01 leaves no channel"),
    ],
)
def test_an_option_out_of_range_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        network("ranet", 32, **options)


@pytest.fixture(scope="module")
def model() -> OwnExits:
    return shaken("ranet_tiny")


@pytest.fixture(scope="module")
def bundle(model: OwnExits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_bundle(model, images(1), tmp_path_factory.mktemp("ranet") / "ranet")


def test_the_chain_of_segments_equals_torch(bundle: Path, model: OwnExits) -> None:
    assert_chain_equals_torch(bundle, model)


def test_cuts_carry_finer_stem_maps_and_every_layer_that_is_still_to_be_fused(bundle: Path) -> None:
    manifest = Bundle.open(bundle).manifest
    assert_nothing_dead_is_carried(manifest)
    # Behind exit 0: the stem maps of sub-networks 1 and 2 and the three maps of block 0. Behind exit 1: one stem map
    # and the three maps of each of two blocks.
    assert [len(names) for names in crossing(manifest)] == [5, 7]
    assert {tensor.name for tensor in manifest.segments[2].inputs} == crossing(manifest)[1]
    assert [{tensor.name for tensor in kept} for kept in alive(manifest)] == [*crossing(manifest), set()]

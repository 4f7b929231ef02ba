"""MSDNet: the published costs, which no other architecture has, and a cut between maps of several scales."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from multiscale_networks import (
    SHARED_OPTIONS,
    OwnExits,
    exit_costs,
    images,
    maps_are_as_declared,
    network,
)

from eeinfer.training.backbones.msdnet import Layout
from eeinfer.training.backbones.multiscale import StridedReduction


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
            **SHARED_OPTIONS,
            "n_blocks": st.integers(1, 4),
            "base": st.integers(1, 3),
            "step_mode": st.sampled_from(["even", "lin_grow"]),
            "growth": st.integers(2, 7),
            "gr_factor": st.sampled_from(["1", "1-2", "1-2-4", "2-1-3"]),
            "bottleneck": st.booleans(),
            "prune": st.sampled_from(["max", "min"]),
            "reduction": st.sampled_from([0.0, 0.5, 0.9]),
        }
    ),
    side=st.integers(5, 40),
)
def test_any_options_give_the_maps_that_they_declare(options: dict[str, Any], side: int) -> None:
    assert maps_are_as_declared("msdnet", side, bn_factor=options["gr_factor"], **options)


@pytest.mark.parametrize("side", [*range(1, 15), 28])
def test_a_head_reads_a_map_of_any_size(side: int) -> None:
    reduction = StridedReduction((3, side, side), 4)
    assert reduction(torch.zeros(2, 3, side, side)).shape == (2, reduction.width)
    assert not 5 <= side <= 12 or reduction.width == 4


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

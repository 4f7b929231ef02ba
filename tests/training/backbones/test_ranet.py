"""RANet: the published costs, which no other architecture has, and cuts through features that are fused much later."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from multiscale_networks import (
    SHARED_OPTIONS,
    exit_costs,
    images,
    maps_are_as_declared,
    network,
)

from eeinfer.training.backbones.ranet_blocks import FusionBlock, resized


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
            **SHARED_OPTIONS,
            "n_blocks": st.integers(1, 2),
            "block_step": st.integers(1, 2),
            "step_mode": st.sampled_from(["even", "lg"]),
            "growth": st.integers(4, 9),
            "compress": st.sampled_from([0.25, 0.5]),
            "reduction": st.sampled_from([0.5, 1.0]),
        }
    ),
    scales=st.sampled_from([("1", "2"), ("1-2", "2-1"), ("1-1-2", "4-2-1"), ("1-2-3", "3-2-1")]),
    side=st.integers(5, 40),
)
def test_any_options_give_the_maps_that_they_declare(
    options: dict[str, Any], scales: tuple[str, str], side: int
) -> None:
    factors = {"scale_list": scales[0], "gr_factor": scales[1], "bn_factor": scales[1]}
    assert maps_are_as_declared("ranet", side, **factors, **options)


def test_resizing_keeps_corners_and_is_linear_between() -> None:
    x = torch.tensor([[[[0.0, 4.0], [8.0, 12.0]]]])
    assert resized(x, (2, 2)) is x
    assert resized(x, (3, 3)).tolist() == [[[[0.0, 2.0, 4.0], [4.0, 6.0, 8.0], [8.0, 10.0, 12.0]]]]


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

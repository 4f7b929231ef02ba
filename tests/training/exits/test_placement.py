from typing import Any

import pytest
import torch
from torch import Tensor, nn

from eeinfer.errors import ConfigError
from eeinfer.training import BackboneConfig
from eeinfer.training.backbones import Backbone, Task, build_backbone
from eeinfer.training.backbones.blocks import candidate_blocks
from eeinfer.training.exits.placement import place_exits, slot_shares, usable_slots

EXAMPLE = torch.zeros(2, 3, 16, 16)


@pytest.fixture(scope="module")
def resnet() -> Backbone:
    return build_backbone(
        BackboneConfig(name="resnet14", options={"width": 4}), Task(in_channels=3, size=(16, 16), num_classes=4)
    )


class Odd(nn.Module):
    """A module that gives what no head reads, one that is unused, one that runs twice, one changed in place."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair()
        self.unused = nn.Linear(2, 2)
        self.twice = nn.Conv2d(3, 3, 1)
        self.changed = nn.Conv2d(3, 3, 1)
        self.outer = nn.Sequential(nn.Conv2d(3, 3, 1))
        self.fc = nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.twice(self.twice(x)) + self.pair(x)[0]
        x = self.changed(x)
        x += 1
        logits: Tensor = self.fc(self.outer(x).mean((2, 3)))
        return logits


class Pair(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x, x


@pytest.mark.parametrize(
    ("exits", "expected"),
    [
        ((0, 3), ("layer1.0", "layer2.1")),
        ((3, 0), ("layer1.0", "layer2.1")),
        (("layer2.0", "layer1.1"), ("layer1.1", "layer2.0")),
        (("layer3.1", 0, 0.5), ("layer1.0", "layer2.0", "layer3.1")),
        (("bn1",), ("bn1",)),
        ((), ()),
    ],
)
def test_exits_are_found_and_put_in_order(resnet: Backbone, exits: Any, expected: tuple[str, ...]) -> None:
    assert place_exits(resnet, exits, EXAMPLE) == expected


def test_shares_take_the_nearest_slot(resnet: Backbone) -> None:
    slots = usable_slots(resnet, EXAMPLE)
    shares = slot_shares(resnet.network, slots, EXAMPLE)
    assert list(shares) == sorted(shares)
    assert 0 < shares[0] < shares[-1] <= 1
    for slot, share in zip(slots, shares, strict=True):
        assert place_exits(resnet, (min(share, 0.999),), EXAMPLE) == (slot,)


@pytest.mark.parametrize(
    ("exits", "message"),
    [
        ((6,), "exit position 6 is out of range: slots are 0 to 5"),
        (("layer9.0",), r"unknown block 'layer9\.0'.*slots are layer1\.0"),
        ((0, "layer1.0"), r"exits 0 and 'layer1\.0' are both the block 'layer1\.0'; name each place once"),
        ((0.5, 0.51), r"both the block .*slots lie at the shares 0\."),
        (("layer1", "layer1.1"), "read the same tensor"),
    ],
)
def test_exits_that_do_not_fit_are_refused(resnet: Backbone, exits: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        place_exits(resnet, exits, EXAMPLE)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("pair", "gives no feature that a head can read, but tuple"),
        ("unused", "does not run when the network classifies"),
        ("twice", "runs 2 times per image"),
        ("changed", "changed in place by later layers"),
    ],
)
def test_blocks_without_a_usable_output_are_refused(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        place_exits(Backbone(network=Odd(), slots=()), (name,), EXAMPLE)


def test_a_number_needs_slots() -> None:
    with pytest.raises(ConfigError, match="no numbered slots; name the modules"):
        place_exits(Backbone(network=Odd(), slots=()), (0,), EXAMPLE)


def test_a_network_that_gives_no_logits_is_refused() -> None:
    with pytest.raises(ConfigError, match="gives tuple, not logits"):
        place_exits(Backbone(network=Pair(), slots=()), (0,), EXAMPLE)


def test_images_that_the_network_cannot_read_are_refused(resnet: Backbone) -> None:
    with pytest.raises(ConfigError, match="cannot read images of 1 x 16 x 16"):
        place_exits(resnet, (0,), torch.zeros(2, 1, 16, 16))


def test_looking_leaves_modes_and_hooks_as_they_were(resnet: Backbone) -> None:
    resnet.network.train()
    resnet.network.get_submodule("layer1").eval()
    place_exits(resnet, (0, 0.5), EXAMPLE)
    assert resnet.network.training
    assert not resnet.network.get_submodule("layer1").training
    assert not any(module._forward_hooks for module in resnet.network.modules())
    resnet.network.train()


def test_blocks_are_found_in_lists_and_stages() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 3, 1)

    class Stage(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.Conv2d(3, 3, 1)
            self.blocks = nn.Sequential(Block(), Block())

    listed = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Sequential(Block(), Block()))
    staged = nn.Sequential(Stage(), Stage())
    assert candidate_blocks(listed) == ["1.0", "1.1"]
    assert candidate_blocks(staged) == ["0.blocks.0", "0.blocks.1", "0", "1.blocks.0", "1.blocks.1", "1"]
    assert candidate_blocks(nn.Sequential(nn.Conv2d(3, 3, 1), nn.ReLU())) == ["0", "1"]

"""What a backbone is to the rest: a network that gives logits, and the places where exits may sit."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import nn

from eeinfer.bundle.manifest import Preprocess

Build: TypeAlias = Callable[..., nn.Module]


@dataclass(frozen=True, kw_only=True)
class Task:
    """What the network has to read and tell apart."""

    in_channels: int
    size: tuple[int, int]  # height, width in pixels
    num_classes: int


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A network without exits."""

    network: nn.Module  # [B,C,H,W] -> [B,K]
    slots: tuple[str, ...]  # modules after which a numbered exit may sit, in the order in which they run
    channels_last: bool = False  # its maps are [B,H,W,C]
    class_token: bool = False  # its token sequences start with a class token
    prefix_tokens: int = 0  # tokens before those of the patches


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a named backbone comes from."""

    build: Callable[[Task, bool, dict[str, Any]], nn.Module]  # task, pretrained, options
    pretrained_input: Callable[[], tuple[tuple[int, int], Preprocess] | None]  # size and normalisation of the weights

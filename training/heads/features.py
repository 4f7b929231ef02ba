"""What an exit reads: the kind and shape of the tensor behind a block."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from torch import Tensor, nn

from eeinfer.training.backbones.base import Backbone
from eeinfer.training.exits.sighting import sight


@dataclass(frozen=True, kw_only=True)
class FeatureSpec:
    """The output of one tapped block, as its head needs to know it."""

    kind: Literal["map", "tokens", "vector"]
    shape: tuple[int, ...]  # without the batch: (C, H, W) or (H, W, C), (T, D), or (D,)
    channels_last: bool = False  # of a map: (H, W, C)
    class_token: bool = False  # of tokens: the first one gathers the answer
    prefix_tokens: int = 0  # tokens before those of the patches, left out of a mean
    place: str = field(default="this exit", compare=False)  # which exit reads it, for messages


def feature_specs(backbone: Backbone, modules: Sequence[str], example: Tensor) -> tuple[FeatureSpec, ...]:
    """Return what the heads behind `modules` find when the network runs on `example` [B,C,H,W]."""
    seen = sight(backbone.network, modules, example)
    specs = (feature_spec(backbone, seen[name].output) for name in modules)
    names = (f"exit {index} behind {name!r}" for index, name in enumerate(modules))
    return tuple(replace(spec, place=name) for spec, name in zip(specs, names, strict=True))


def feature_spec(backbone: Backbone, output: Tensor) -> FeatureSpec:
    """Return what a head finds in `output` [B,...], the feature of a tapped module."""
    shape = tuple(output.shape[1:])
    if len(shape) == 1:
        return FeatureSpec(kind="vector", shape=shape)
    if len(shape) == 3:
        return FeatureSpec(kind="map", shape=shape, channels_last=_is_channels_last(backbone, shape))
    # Some networks add their class token only behind the last block: the sequence then has patches alone.
    prefix = 0 if shape[0] == _num_patches(backbone.network) else backbone.prefix_tokens
    return FeatureSpec(
        kind="tokens", shape=shape, class_token=backbone.class_token and prefix > 0, prefix_tokens=prefix
    )


def _is_channels_last(backbone: Backbone, shape: tuple[int, ...]) -> bool:
    if shape[0] == shape[1] != shape[2]:  # a square map: the two equal sides are its height and width
        return True
    return backbone.channels_last and not shape[1] == shape[2] != shape[0]


def _num_patches(network: nn.Module) -> int | None:
    patches = getattr(getattr(network, "patch_embed", None), "num_patches", None)
    return patches if isinstance(patches, int) else None

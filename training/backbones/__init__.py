"""Backbones by name: our own, and every timm or torchvision classifier; each knows where its exits may sit."""

import functools
import inspect
from typing import Any

from torch import nn

from eeinfer.bundle.manifest import Preprocess
from eeinfer.errors import ConfigError, unknown
from eeinfer.training.backbones import timm_models, torchvision_models
from eeinfer.training.backbones.base import Backbone as Backbone
from eeinfer.training.backbones.base import Build, Source
from eeinfer.training.backbones.base import Task as Task
from eeinfer.training.backbones.blocks import candidate_blocks
from eeinfer.training.backbones.efficientnet import efficientnet_v2_s
from eeinfer.training.backbones.msdnet import MSDNETS, msdnet
from eeinfer.training.backbones.multiscale import MultiScaleNetwork
from eeinfer.training.backbones.ranet import RANETS, ranet
from eeinfer.training.backbones.resnet import CIFAR_DEPTHS, cifar_resnet, resnet
from eeinfer.training.backbones.vit import WIDTHS, vit
from eeinfer.training.config import BackboneConfig, Option
from eeinfer.training.parts import own_part, running

# Name -> builder and the options that the name fixes; any other option of the builder may be set.
BACKBONES: dict[str, tuple[Build, dict[str, Option]]] = {
    **{f"resnet{depth}": (cifar_resnet, {"depth": depth}) for depth in CIFAR_DEPTHS},
    **{f"resnet{depth}": (resnet, {"depth": depth}) for depth in (18, 34, 50)},
    "vit": (vit, {}),
    **{f"vit_{letter}": (vit, {"dim": dim, "heads": heads}) for letter, (dim, heads) in WIDTHS.items()},
    "efficientnet_v2_s": (efficientnet_v2_s, {}),
    **{name: (msdnet, fixed) for name, fixed in MSDNETS.items()},
    **{name: (ranet, fixed) for name, fixed in RANETS.items()},
}
_CIFAR_SIDE = 32
_LIBRARIES: dict[str, Any] = {"timm": timm_models, "torchvision": torchvision_models}


def find_source(name: str) -> Source:
    """Return how to build the backbone `name`: a key of BACKBONES, ``FILE.py:NAME``, what a package declares,
    ``timm:NAME``, ``torchvision:NAME``, or a plain name that only one of the two libraries has.

    Raises:
        ConfigError: no such backbone, or both libraries have one of this name.
    """
    users = own_part("backbone", name, BACKBONES)
    if users is not None:
        return Source(build=functools.partial(_build_users, name, users), pretrained_input=lambda: None)
    if name in BACKBONES:
        return Source(build=functools.partial(_build, name, *BACKBONES[name]), pretrained_input=lambda: None)
    prefix, _, rest = name.rpartition(":")
    holders = [key for key in ([prefix] if prefix else _LIBRARIES) if _has(key, rest)]
    if len(holders) > 1:
        raise ConfigError(f"backbone {name!r} is in timm and torchvision: name timm:{name} or torchvision:{name}")
    if not holders:
        raise ConfigError(_unknown_backbone(name, prefix))
    library = _LIBRARIES[holders[0]]
    return Source(
        build=functools.partial(library.build, rest),
        pretrained_input=functools.partial(library.pretrained_input, rest),
    )


def build_backbone(config: BackboneConfig, task: Task) -> Backbone:
    """Build the network that `config` names for `task`, with its slots.

    Raises:
        ConfigError: unknown backbone or option, or one that cannot read images of this size.
        DataError: pretrained weights that cannot be fetched.
    """
    network = find_source(config.name).build(task, config.pretrained, dict(config.options))
    for module in network.modules():
        # A block's output must stay as it was given, or an exit would read what a later layer made of it.
        if getattr(module, "inplace", False) is True:
            module.inplace = False  # type: ignore[assignment]  # a plain bool, which torch types as Tensor or Module
    slots = network.slots if isinstance(network, MultiScaleNetwork) else tuple(candidate_blocks(network))
    return Backbone(network=network, slots=slots, **_token_facts(network))


def pretrained_input(config: BackboneConfig) -> tuple[tuple[int, int], Preprocess] | None:
    """Return the image size and normalisation of the weights that `config` starts from; None without such."""
    return find_source(config.name).pretrained_input() if config.pretrained else None


def family_size(name: str) -> int | None:
    """Return the side in pixels of the images that a backbone's family was made for; None where it takes any."""
    return _CIFAR_SIDE if name in BACKBONES and BACKBONES[name][0] is cifar_resnet else None


def _build_users(name: str, builder: Any, task: Task, pretrained: bool, options: dict[str, Any]) -> nn.Module:
    if not callable(builder):
        raise ConfigError(f"{name} is no backbone: it has to be a function of a Task, or a class, that gives a Module")
    with running("backbone", name):
        network = _build(name, builder, {}, task, pretrained, options)
    if not isinstance(network, nn.Module):
        raise ConfigError(f"the backbone {name} gave {type(network).__name__}; it has to give a torch.nn.Module")
    return network


def _build(
    name: str, builder: Build, fixed: dict[str, Option], task: Task, pretrained: bool, options: dict[str, Any]
) -> nn.Module:
    if pretrained:
        raise ConfigError(f"backbone {name!r} has no pretrained weights; name timm:... or torchvision:... for some")
    known = [option for option in list(inspect.signature(builder).parameters)[1:] if option not in fixed]
    for option in options:
        if option not in known:
            raise ConfigError(unknown(f"option of backbone {name}", option, known))
    return builder(task, **fixed, **options)


def _has(library: str, name: str) -> bool:
    return library in _LIBRARIES and name.partition(".")[0] in _LIBRARIES[library].names()


def _unknown_backbone(name: str, prefix: str) -> str:
    if prefix and prefix not in _LIBRARIES:
        return unknown("library", prefix, _LIBRARIES, "as in timm:NAME")
    keys = [prefix] if prefix else list(_LIBRARIES)
    libraries = [f"{key}:{entry}" for key in keys for entry in _LIBRARIES[key].names()]
    hint = f"our own are {', '.join(BACKBONES)}; or FILE.py:NAME for a backbone of your own"
    return unknown("backbone", name, [*([] if prefix else BACKBONES), *libraries], hint)


def _token_facts(network: nn.Module) -> dict[str, Any]:
    """Read off a network what its features look like; the libraries mark this in attributes."""
    token = next((getattr(network, key) for key in ("cls_token", "class_token") if hasattr(network, key)), None)
    prefix = getattr(network, "num_prefix_tokens", None)
    return {
        "channels_last": str(getattr(network, "output_fmt", "")).endswith("NHWC")
        or type(network).__name__ == "SwinTransformer",
        "class_token": token is not None,
        "prefix_tokens": int(prefix) if isinstance(prefix, int) else int(token is not None),
    }

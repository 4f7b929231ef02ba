"""Any torchvision classifier by name."""

import functools
from typing import Any

import torch
from torch import nn

from eeinfer.bundle.manifest import Preprocess
from eeinfer.errors import ConfigError, EeinferError
from eeinfer.training.backbones.base import Task
from eeinfer.training.backbones.downloads import fetching

_INCEPTIONS = ("googlenet", "inception_v3")


@functools.cache
def names() -> tuple[str, ...]:
    """Return the names of torchvision's classifiers."""
    import torchvision

    return tuple(torchvision.models.list_models(module=torchvision.models))


def build(name: str, task: Task, pretrained: bool, options: dict[str, Any]) -> nn.Module:
    """Build torchvision's `name` for `task`.

    Raises:
        ConfigError: it does not take these options or this image size.
        DataError: its weights cannot be fetched.
    """
    import torchvision

    # An Inception gives more than logits by default, and warns where its initialisation is left open.
    plain = {"aux_logits": False, "init_weights": True} if name in _INCEPTIONS else {}
    extra = {} if pretrained else {"num_classes": task.num_classes, **_sized(name, task), **plain}
    make = functools.partial(torchvision.models.get_model, name, **{**extra, **options})
    try:
        with fetching(f"torchvision:{name}", pretrained):
            network: nn.Module = make(weights="DEFAULT" if pretrained else None)
    except EeinferError:
        raise
    except (TypeError, ValueError, AssertionError) as error:
        raise ConfigError(f"torchvision:{name} cannot be built with {options or task}: {error}") from error
    if pretrained:
        replace_classifier(network, task.num_classes)
    adapt_input(network, task.in_channels, pretrained=pretrained)
    if name in _INCEPTIONS:
        _settle_inception(network, task)
    return network


def _settle_inception(network: Any, task: Task) -> None:
    """Make the network the same with and without pretrained weights, as a checkpoint is rebuilt without them."""
    network.transform_input = task.in_channels == 3
    network.aux_logits = False
    for name in ("AuxLogits", "aux1", "aux2"):
        if hasattr(network, name):
            setattr(network, name, None)


def pretrained_input(name: str) -> tuple[tuple[int, int], Preprocess] | None:
    """Return the image size and normalisation that the weights of `name` were trained with."""
    import torchvision

    weights = torchvision.models.get_model_weights(name)
    if not len(weights):
        return None
    transform = weights.DEFAULT.transforms()
    side = transform.crop_size[0]
    return (side, side), Preprocess(mean=tuple(transform.mean), std=tuple(transform.std))


def adapt_input(network: nn.Module, in_channels: int, *, pretrained: bool = False) -> None:
    """Make the first convolution read `in_channels`, pretrained colour weights being spread evenly over them."""
    first: Any
    name, first = next((n, m) for n, m in network.named_modules() if isinstance(m, nn.Conv2d))
    if first.in_channels == in_channels:
        return
    fresh = nn.Conv2d(
        in_channels, first.out_channels, first.kernel_size, first.stride, first.padding, bias=first.bias is not None
    )
    if pretrained:
        with torch.no_grad():
            fresh.weight.copy_(first.weight.sum(1, keepdim=True).expand_as(fresh.weight) / in_channels)
            if fresh.bias is not None:
                fresh.bias.copy_(first.bias)
    network.set_submodule(name, fresh)


def replace_classifier(network: nn.Module, num_classes: int) -> None:
    """Put a fresh layer in the place of the last one, which told the classes of the weights' data set apart."""
    last: Any
    name, last = [(n, m) for n, m in network.named_modules() if isinstance(m, (nn.Linear, nn.Conv2d))][-1]
    if isinstance(last, nn.Linear):
        network.set_submodule(name, nn.Linear(last.in_features, num_classes, bias=last.bias is not None))
    else:
        network.set_submodule(name, nn.Conv2d(last.in_channels, num_classes, last.kernel_size))


def _sized(name: str, task: Task) -> dict[str, Any]:
    if not name.startswith("vit_"):
        return {}
    if task.size[0] != task.size[1]:
        raise ConfigError(f"torchvision:{name} takes square images, not {task.size[0]} x {task.size[1]}")
    return {"image_size": task.size[0]}

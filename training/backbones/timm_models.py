"""Any timm classifier by name."""

import functools
from typing import Any

from torch import nn

from eeinfer.bundle.manifest import Preprocess
from eeinfer.errors import ConfigError, EeinferError
from eeinfer.training.backbones.base import Task
from eeinfer.training.backbones.downloads import fetching


@functools.cache
def names() -> tuple[str, ...]:
    """Return the names of timm's models, without the tags of their weights."""
    import timm

    return tuple(timm.list_models())


def build(name: str, task: Task, pretrained: bool, options: dict[str, Any]) -> nn.Module:
    """Build timm's `name` (which may carry a weights tag, as in ``vit_tiny_patch16_224.augreg_in21k``) for `task`.

    Raises:
        ConfigError: it has no weights, or does not take these options or this image size.
        DataError: its weights cannot be fetched.
    """
    import timm

    known = pretrained_input(name)
    if pretrained and known is None:
        raise ConfigError(f"timm:{name} has no pretrained weights; set pretrained to False or name another model")
    make = functools.partial(
        timm.create_model,
        name,
        pretrained=pretrained,
        num_classes=task.num_classes,
        in_chans=task.in_channels,
        **options,
    )
    try:
        with fetching(f"timm:{name}", pretrained):
            return _sized(make, task, known)
    except EeinferError:
        raise
    except (TypeError, ValueError, AssertionError, RuntimeError) as error:
        raise ConfigError(f"timm:{name} cannot be built with {options or task}: {error}") from error


def _sized(make: Any, task: Task, known: tuple[tuple[int, int], Preprocess] | None) -> nn.Module:
    """Tell the model the image size where it depends on it: transformers do, most convolutional networks do not."""
    if known is not None and known[0] == task.size:
        return make()  # type: ignore[no-any-return]  # timm is untyped
    try:
        return make(img_size=task.size)  # type: ignore[no-any-return]
    except TypeError as error:
        if "img_size" not in str(error):
            raise
        return make()  # type: ignore[no-any-return]


def pretrained_input(name: str) -> tuple[tuple[int, int], Preprocess] | None:
    """Return the image size and normalisation that the weights of `name` were trained with; None without weights."""
    import timm

    config = timm.get_pretrained_cfg(name)
    if config is None or not config.has_weights:
        return None
    _, height, width = config.input_size
    return (height, width), Preprocess(mean=tuple(config.mean), std=tuple(config.std))

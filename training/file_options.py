"""Settings that name files: used when training begins, never when a checkpoint is opened."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from eeinfer.errors import CheckpointError
from eeinfer.training.config import TrainConfig

# Of timm.create_model: it opens what they name, weights or descriptions of weights.
FILE_OPTIONS = ("checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir")
_ROOT = "data.root"  # where a run found its images; older checkpoints say it, and it is dropped: nothing looks there
_FILE = re.compile(
    r"[/\\\0]|^~|\.(pt|pth|bin|npy|npz|ckpt|pkl|pickle|safetensors|json|gz|tar|zip)$|\.py:", re.IGNORECASE
)


def without_downloads(config: TrainConfig) -> TrainConfig:
    """Return `config` for a network whose weights are at hand: nothing is downloaded, and no file opened."""
    return without_file_options(replace(config, backbone=replace(config.backbone, pretrained=False)))


def without_file_options(config: TrainConfig) -> TrainConfig:
    """Return `config` without the backbone's options that name files, and without the folder of the images."""
    options = {name: value for name, value in config.backbone.options.items() if name not in FILE_OPTIONS}
    return replace(config, backbone=replace(config.backbone, options=options), data=replace(config.data, root=None))


def named_files(config: TrainConfig) -> dict[str, Any]:
    """Return those of the backbone's options that name files."""
    return {name: value for name, value in config.backbone.options.items() if name in FILE_OPTIONS}


def refuse_files(config: dict[str, Any]) -> None:
    """Refuse the settings of a checkpoint that would make a library open a file.

    Raises:
        CheckpointError: naming the setting.
    """
    for name, value in _leaves(config):
        is_file = bool({*name.split(".")} & {*FILE_OPTIONS}) or (isinstance(value, str) and _FILE.search(value))
        if is_file and name != _ROOT:
            raise CheckpointError(
                f"the setting {name} {value!r} names a file, and a checkpoint is read from itself alone"
            )


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from _leaves(entry, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)):
        for entry in value:
            yield from _leaves(entry, name)
    else:
        yield name, value

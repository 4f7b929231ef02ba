"""The checkpoint: what a run leaves behind, as plain dicts and tensors that load without running any code of theirs.

One integer, ``version``, is raised when an older reader would go wrong. Weights come from the file alone: no setting in
it makes a library open another one.
"""

import logging
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch
from torch import nn

from eeinfer.bundle.manifest import MANIFEST_NAME, Input
from eeinfer.errors import CheckpointError, first_line
from eeinfer.machine.versions import versions_of
from eeinfer.training.build import Built, build_model
from eeinfer.training.calibrated import calibrated
from eeinfer.training.config import TrainConfig, config_from_dict, config_to_dict
from eeinfer.training.file_options import named_files, refuse_files, without_downloads, without_file_options
from eeinfer.training.parts.kept import names_of_parts, origins, portable, renamed
from eeinfer.training.runs.sealed import load_sealed, save_sealed

CHECKPOINT_NAME = "checkpoint.pt"
CHECKPOINT_VERSION = 2  # 2: with a checksum of its own
_PREFIX = "eeinfer "
_FORMAT = f"{_PREFIX}checkpoint"
_PACKAGES = ("eeinfer", "torch", "torchvision", "timm", "lightning-fabric", "numpy")
_log = logging.getLogger(__name__)
_AGAIN = "train again with eeinfer train, or name the checkpoint.pt of a finished run"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A trained model with everything that is known about it."""

    model: nn.Module  # in eval mode; forward gives logits [B,K] per exit; an EarlyExitModel unless it is calibrated
    config: TrainConfig
    classes: tuple[str, ...]  # K names
    input: Input
    exit_modules: tuple[str, ...]  # where each exit sits, the network's own classifier last
    score: str  # what the exits are judged by
    provenance: dict[str, Any]  # JSON-able: regime, recipe, data set, seed, metrics per phase, library versions


def save_checkpoint(
    path: Path, built: Built, config: TrainConfig, classes: tuple[str, ...], input: Input, facts: dict[str, Any]
) -> None:
    """Write the checkpoint in one step. `facts` are added to its provenance.

    Raises:
        InputError: it cannot be written, as where the disk is full.
    """
    parts, started_from, config = origins(config), named_files(config), without_file_options(portable(config))
    content = {
        "format": _FORMAT,
        "version": CHECKPOINT_VERSION,
        "config": config_to_dict(config),
        "started_from": started_from,  # options that named files when training began; nothing reads these files again
        "modules": list(built.modules),
        "classes": list(classes),
        "input": msgspec.to_builtins(input),
        "provenance": {
            **_origin(config),
            **facts,
            **({"parts": parts} if parts else {}),
            "versions": library_versions(),
        },
        **({"parts": parts} if parts else {}),  # where a user's own backbone, method or data set came from
        "model": {name: tensor.detach().cpu().contiguous() for name, tensor in built.model.state_dict().items()},
    }
    save_sealed(path, content)


def load_checkpoint(path: str | Path, *, parts: Sequence[str | Path] = ()) -> Checkpoint:
    """Load what training wrote; nothing in the file is executed.

    Args:
        path: the checkpoint.
        parts: files of Python that a backbone, method or data set of the user's own came from. They are run where
            they are what they were in training, by their SHA-256.

    Raises:
        CheckpointError: missing, cut short, foreign, holding pickled code, damaged, or from a newer version; or a part
            of the user's own is not given or not as it was.
        ConfigError: a file of `parts` cannot be read or run.
    """
    path = Path(path)
    content = read_checkpoint(path)
    names = names_of_parts(content.get("parts", {}), parts, path)
    try:
        refuse_files(content["config"])
        config = renamed(without_file_options(config_from_dict(content["config"])), names)
        input = msgspec.convert(content["input"], Input)
        classes = tuple(map(str, content["classes"]))
        modules = tuple(map(str, content["modules"]))
        built = build_model(without_downloads(config), input, len(classes), modules)
        built.model.load_state_dict(content["model"])
        model = calibrated(built.model, content["calibration"]) if "calibration" in content else built.model
        provenance = dict(content["provenance"])
    except Exception as error:  # a planted setting may make a builder raise anything
        raise CheckpointError(
            f"{path} is damaged or does not fit this eeinfer ({first_line(error)}): {_AGAIN}"
        ) from error
    return Checkpoint(
        model=model.eval(),
        config=config,
        classes=classes,
        input=input,
        exit_modules=(*modules, "classifier"),
        score=built.score,
        provenance=provenance,
    )


def settings_of(content: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with which the run of a checkpoint's content began, files that it started from included."""
    config: dict[str, Any] = content["config"]
    backbone = {**config["backbone"], "options": {**config["backbone"]["options"], **content.get("started_from", {})}}
    return {**config, "backbone": backbone}


def is_ours(path: Path) -> bool:
    """Say whether a run may have written this file: a checkpoint or a state, whole or damaged."""
    try:
        content, _ = load_sealed(path, _AGAIN)
    except CheckpointError:
        with path.open("rb") as file:
            return file.read(2) in (b"PK", b"")
    return isinstance(content, dict) and str(content.get("format")).startswith(_PREFIX)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return the content of a checkpoint of a version that this reader knows, weights included.

    Raises:
        CheckpointError: as `load_checkpoint`, but for what needs the model.
    """
    if not path.is_file():
        if (path / MANIFEST_NAME).is_file():
            raise CheckpointError(f"{path} is a bundle, exported already; name the checkpoint.pt that it was made from")
        what = "is a folder" if path.is_dir() else "does not exist"
        raise CheckpointError(f"checkpoint {path} {what}: {_AGAIN}")
    content, sealed = load_sealed(path, _AGAIN)
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        kind = "weights without settings" if _is_state_dict(content) else "something else"
        raise CheckpointError(
            f"{path} is no eeinfer checkpoint, it holds {kind}: {_AGAIN}; "
            "a model of your own goes through eeinfer.export.export_bundle"
        )
    version = content.get("version")
    if not isinstance(version, int) or version > CHECKPOINT_VERSION:
        raise CheckpointError(
            f"{path} has checkpoint version {version!r}, this eeinfer reads up to {CHECKPOINT_VERSION}: upgrade eeinfer"
        )
    if version > 1 and not sealed:
        raise CheckpointError(f"{path} is damaged, its checksum is gone: copy it again, or {_AGAIN}")
    if version == 1:
        _log.warning("%s has checkpoint version 1, without a checksum of its own: not every damage would be seen", path)
    return content


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of every library that shapes the weights."""
    return {"python": platform.python_version(), **versions_of(_PACKAGES)}


def _is_state_dict(content: Any) -> bool:
    return isinstance(content, dict) and any(isinstance(value, torch.Tensor) for value in content.values())


def _origin(config: TrainConfig) -> dict[str, Any]:
    return {
        "regime": config.regime,
        "recipe": config.recipe,
        "dataset": config.data.name,
        "backbone": config.backbone.name,
        "method": config.method.name,
        "seed": config.seed,
        "precision": config.precision,
        "config": config_to_dict(config),
    }

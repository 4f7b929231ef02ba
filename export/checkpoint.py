"""From a checkpoint of `eeinfer.training` to a bundle: what `eeinfer export` does."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from eeinfer.errors import DataError
from eeinfer.export.api import export_bundle
from eeinfer.export.tolerance import TOLERANCE
from eeinfer.export.write import SUFFIX
from eeinfer.preprocess import prepare
from eeinfer.progress import Progress, silent
from eeinfer.training import Checkpoint, load_checkpoint
from eeinfer.training.data import configured_dataset
from eeinfer.training.model import EarlyExitModel

REAL_IMAGES = 64  # enough for a parity report on real inputs


def export_checkpoint(
    checkpoint: str | Path,
    out: str | Path | None = None,
    *,
    root: str | Path | None = None,
    parts: Sequence[str | Path] = (),
    force: bool = False,
    tolerance: float = TOLERANCE,
    progress: Progress = silent,
) -> Path:
    """Export a trained checkpoint, compared on its own test images where they are at hand; return the bundle's path.

    Args:
        checkpoint: a file that `eeinfer train` wrote.
        out: the bundle to write; beside the checkpoint and under its name by default.
        root: the folder that holds the images of the run; None looks where the data set of that name usually lies. A
            checkpoint does not say where its images were.
        parts: files of Python that the checkpoint's own backbone, method or data set come from.
        force: replace an existing bundle.
        tolerance: largest absolute error of a logit against torch.
        progress: told the name of each step.

    Raises:
        CheckpointError: the file is missing, damaged, foreign, or holds more than weights and settings.
        DataError: `root` holds no such data set.
        ExportError: the network cannot be exported; nothing is left behind.
    """
    source = Path(checkpoint)
    trained = load_checkpoint(source, parts=parts)
    return export_bundle(
        trained.model,
        torch.zeros(1, *trained.input.tensor.sizes()),
        out if out is not None else source.with_suffix(SUFFIX),
        scores=trained.score,
        classes=trained.classes,
        modules=trained.exit_modules,
        static=_backbone(trained.model),
        preprocess=trained.input.preprocess,
        provenance={**trained.provenance, "checkpoint_sha256": hashlib.sha256(source.read_bytes()).hexdigest()},
        real_inputs=_real_inputs(trained, root, progress),
        tolerance=tolerance,
        force=force,
        progress=progress,
    )


def _backbone(model: nn.Module) -> nn.Module:
    """The network without heads, inside a calibration or not."""
    return next(part for part in model.modules() if isinstance(part, EarlyExitModel)).backbone


def _real_inputs(trained: Checkpoint, root: str | Path | None, progress: Progress) -> NDArray[Any] | None:
    place = None if root is None else str(root)
    try:
        images = configured_dataset(replace(trained.config.data, root=place)).test.images
    except (DataError, OSError) as error:  # not in the usual places, or closed to this user
        if root is not None:
            raise
        where = "real ones: --root FOLDER, or --part FILE.py where they come from a file of yours"
        progress(f"verifying on random inputs only: {error} ({where})")
        return None
    chosen = np.random.default_rng(0).choice(len(images), size=min(REAL_IMAGES, len(images)), replace=False)
    return prepare([images[int(i)] for i in chosen], trained.input)

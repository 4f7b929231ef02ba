"""A checkpoint of a network as initialised: what a network costs does not depend on what it has learned."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from eeinfer.errors import CheckpointError
from eeinfer.files import check_folder
from eeinfer.preprocess import prepare
from eeinfer.training.build import build_model, check_names, model_input
from eeinfer.training.config import TrainConfig
from eeinfer.training.data import configured_dataset
from eeinfer.training.data.dataset import own_images
from eeinfer.training.runs.checkpoint import CHECKPOINT_NAME, save_checkpoint

_BATCHES, _ROWS = 4, 8


def save_untrained(config: TrainConfig, out_dir: str | Path) -> Path:
    """Write the checkpoint of `config`'s network before its first step, to measure its speed.

    BatchNorm gets the statistics of a few batches, or activations would grow or fade from block to block until no
    score says anything. Half of each batch are training images and half is noise, which export verifies a network on.

    Raises:
        ConfigError: a setting is unknown or does not fit the network.
        DataError: the data set is missing or damaged, or pretrained weights cannot be fetched.
        CheckpointError: `out_dir` holds a checkpoint already.
        InputError: `out_dir` cannot be written.
    """
    check_names(config)
    path = Path(out_dir) / CHECKPOINT_NAME
    if path.exists():
        raise CheckpointError(f"{path} exists, and an untrained network must not replace it: choose another --out")
    check_folder(path.parent, "the network")
    dataset = configured_dataset(config.data)
    input = model_input(config, dataset)
    built = build_model(config, input, len(dataset.classes))
    rows = np.random.default_rng(config.seed).choice(
        len(dataset.train.images), min(_BATCHES * _ROWS, len(dataset.train.images)), replace=False
    )
    images = torch.from_numpy(prepare([dataset.train.images[int(row)] for row in rows], input))
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(config.seed))
    estimate_statistics(built.model, torch.stack((images, noise), 1).flatten(0, 1))  # taking turns
    path.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(path, built, config, dataset.classes, input, {**own_images(dataset), "untrained": True})
    return path


def estimate_statistics(model: nn.Module, images: Tensor) -> None:
    """Give every BatchNorm the mean statistics of `images` [N, C, H, W], eight at a time; weights stay as they are."""
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    before = [norm.momentum for norm in norms]
    model.eval()  # nothing is dropped; BatchNorm alone learns
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over batches
        norm.train()
    with torch.no_grad():
        for batch in torch.split(images, _ROWS) if norms else ():
            model(batch)
    for norm, momentum in zip(norms, before, strict=True):
        norm.momentum = momentum
    model.eval()

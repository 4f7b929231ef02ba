"""The images that an analysis looks at: one batch, drawn from the seed, without augmentation."""

from pathlib import Path

import torch
from torch import Tensor

from eeinfer.errors import ConfigError
from eeinfer.training.calibration.observe import Images
from eeinfer.training.data.batches import Batch
from eeinfer.training.runs.checkpoint import Checkpoint

TEST, TRAINING = "test", "training"


def images_of(trained: Checkpoint, root: str | Path | None = None, *, part: str = TEST, count: int, seed: int) -> Batch:
    """Draw images of the data that trained a checkpoint.

    Args:
        trained: what `load_checkpoint` gives.
        root: folder of the data set; None looks in the usual places.
        part: "test" or "training".
        count: how many, N; all of them where there are fewer.
        seed: of the draw.

    Returns:
        Prepared images [N,C,H,W] float32 and their labels [N].

    Raises:
        ConfigError: fewer than 2 are asked for; DataError: the data set is not at hand.
    """
    if count < 2:
        raise ConfigError(f"an analysis of {count} images says nothing; give --images 2 or more")
    images = Images.of(trained, root)
    split = images.feed.test if part == TEST else images.feed.train
    order = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))[:count]
    chosen = split.take(order.sort().values.numpy())
    batches = list(images.feed.evaluation(chosen))
    return torch.cat([x for x, _ in batches]), torch.cat([labels for _, labels in batches])


def in_batches(x: Tensor, size: int = 256) -> tuple[Tensor, ...]:
    """Cut [N,...] into batches of at most `size`."""
    return torch.split(x, size)

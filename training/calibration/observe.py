"""What a trained model gives on a set of images, and where its exits' last layers are.

Shapes: N images, K classes, F width that a last layer reads.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from eeinfer.errors import ConfigError
from eeinfer.training.calibration.given import given_halves
from eeinfer.training.config import TrainConfig
from eeinfer.training.data import configured_dataset
from eeinfer.training.data.augment import AUGMENTATIONS
from eeinfer.training.data.batches import Batch, Share
from eeinfer.training.methods import exit_logits
from eeinfer.training.runs.checkpoint import Checkpoint
from eeinfer.training.runs.feed import Feed
from eeinfer.training.runs.run import make_fabric


@dataclass(frozen=True, kw_only=True)
class Images:
    """The images of the run that trained a checkpoint, split as it split them, none of them augmented."""

    feed: Feed
    given_by_user: bool = False  # or those of the run

    @classmethod
    def of(cls, trained: Checkpoint, root: str | Path | None = None) -> "Images":
        """Find the images: in the folder `root`, or where the data set of that name usually lies.

        Raises:
            ConfigError: the run kept no validation images; DataError: its data set is not at hand.
        """
        config = trained.config
        if config.data.val_share == 0:
            raise ConfigError(
                "this checkpoint was trained with val_share 0 and has no validation images to calibrate on; "
                "train again with data.val_share above 0"
            )
        alone = _alone(config)
        dataset = configured_dataset(replace(config.data, root=None if root is None else str(root)))
        return cls(feed=Feed.of(alone, dataset, trained.input, make_fabric(alone)))

    @classmethod
    def given(cls, trained: Checkpoint, data: str | Path, seed: int) -> "Images":
        """Take a user's own images: one half in place of the validation images, the other for telling.

        Raises:
            DataError: as `given_halves`.
        """
        fits, tells = given_halves(trained, data, seed)
        none = fits.take(np.arange(0))
        return cls(
            feed=Feed(
                config=_alone(trained.config),
                input=trained.input,
                train=none,
                validation=fits,
                test=tells,
                augmentation=AUGMENTATIONS["none"],
                share=Share(),
            ),
            given_by_user=True,
        )

    def training(self) -> Iterator[Batch]:
        """Yield the images that trained the weights."""
        return self.feed.evaluation(self.feed.train)

    def validation(self) -> Iterator[Batch]:
        """Yield the images that selected the weights."""
        return self.feed.evaluation(self.feed.validation)

    def test(self) -> Iterator[Batch]:
        """Yield the images that had no part in training."""
        return self.feed.evaluation(self.feed.test)


def _alone(config: TrainConfig) -> TrainConfig:
    """Say the same for one process on the CPU."""
    return replace(config, devices=1, device="cpu", precision="32-true")


@torch.no_grad()
def all_logits(model: nn.Module, batches: Iterator[Batch]) -> tuple[list[Tensor], Tensor]:
    """Return the logits [N,K] of every exit and the labels [N]."""
    seen, labels = [], []
    for x, targets in batches:
        seen.append(exit_logits(model(x)))
        labels.append(targets)
    return [torch.cat(exit) for exit in zip(*seen, strict=True)], torch.cat(labels)


@torch.no_grad()
def last_layers(model: nn.Module, example: Tensor) -> tuple[str, ...]:
    """Return the path of the linear layer that gives each exit's logits.

    Args:
        model: the trained model.
        example: an input [B,C,H,W].

    Raises:
        ConfigError: an exit's logits are not what a linear layer gave, unchanged.
    """
    made: dict[int, str] = {}
    kept: list[Tensor] = []  # keeps every output alive, so that no two share an id

    def note(name: str, output: Tensor) -> None:
        made[id(output)] = name
        kept.append(output)

    layers = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    hooks = [
        layer.register_forward_hook(lambda _, args, output, name=name: note(name, output)) for name, layer in layers
    ]
    try:
        logits = exit_logits(model(example))
    finally:
        for hook in hooks:
            hook.remove()
    for k, exit in enumerate(logits):
        if id(exit) not in made or exit.ndim != 2:
            raise ConfigError(
                f"exit {k} does not answer with what a last linear layer gives, which is what kind='laplace' needs "
                "(methods that combine exits do not); use kind='temperature'"
            )
    return tuple(made[id(exit)] for exit in logits)

"""What a trained model gives on a set of images, and where its exits' last layers are.

Shapes: N images, K classes, F width that a last layer reads.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from eeinfer.errors import ConfigError
from eeinfer.training.data import configured_dataset
from eeinfer.training.data.batches import Batch
from eeinfer.training.methods import exit_logits
from eeinfer.training.runs.checkpoint import Checkpoint
from eeinfer.training.runs.feed import Feed
from eeinfer.training.runs.run import make_fabric


@dataclass(frozen=True, kw_only=True)
class Images:
    """The images of the run that trained a checkpoint, split as it split them, none of them augmented."""

    feed: Feed

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
        alone = replace(config, devices=1, device="cpu", precision="32-true")
        dataset = configured_dataset(replace(config.data, root=None if root is None else str(root)))
        return cls(feed=Feed.of(alone, dataset, trained.input, make_fabric(alone)))

    def training(self) -> Iterator[Batch]:
        """Yield the images that trained the weights."""
        return self.feed.evaluation(self.feed.train)

    def validation(self) -> Iterator[Batch]:
        """Yield the images that selected the weights."""
        return self.feed.evaluation(self.feed.validation)

    def test(self) -> Iterator[Batch]:
        """Yield the images that had no part in training."""
        return self.feed.evaluation(self.feed.test)


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

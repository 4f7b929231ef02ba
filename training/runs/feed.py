"""Which images a run trains and selects on, and in which batches."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric

from eeinfer.bundle.manifest import Input
from eeinfer.errors import ConfigError
from eeinfer.training.config import TrainConfig
from eeinfer.training.data.augment import Augmentation, find_augmentation
from eeinfer.training.data.batches import Batch, EvaluationBatches, Share, TrainingBatches, stream
from eeinfer.training.data.dataset import Dataset, Split
from eeinfer.training.data.split import limited, stratified

EVALUATION_BATCH = 256

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Feed:
    """The images of a run: a stratified share of the training images selects, the rest trains."""

    config: TrainConfig
    input: Input
    train: Split
    validation: Split
    test: Split
    augmentation: Augmentation
    share: Share

    @classmethod
    def of(cls, config: TrainConfig, dataset: Dataset, input: Input, fabric: Fabric) -> "Feed":
        """Split the training images of `dataset` as `config` says.

        Raises:
            ConfigError: the augmentation is unknown or does not fit, or there are fewer training images than processes.
        """
        images = dataset.train.take(limited(dataset.train.labels, config.data.max_images, seed=config.seed))
        rest, chosen = stratified(images.labels, config.data.val_share, seed=config.seed)
        if len(rest) < fabric.world_size:
            raise ConfigError(
                f"{len(rest)} training images do not divide among {fabric.world_size} devices; take fewer"
            )
        if config.data.batch_size > len(rest):
            _log.warning("batch_size %d: every batch has all %d training images", config.data.batch_size, len(rest))
        return cls(
            config=config,
            input=input,
            train=images.take(rest),
            validation=images.take(chosen),
            test=dataset.test,
            augmentation=find_augmentation(config.data.augment, dataset),
            share=Share(rank=fabric.global_rank, world=fabric.world_size),
        )

    @property
    def steps(self) -> int:
        """Training batches per epoch."""
        return max(len(self.train) // self.config.data.batch_size, 1)

    def training(self, phase: int, epoch: int) -> Iterator[Batch]:
        """Yield this process's part of the training batches of an epoch (from 0)."""
        batches = TrainingBatches(
            split=self.train,
            input=self.input,
            augmentation=self.augmentation,
            batch_size=self.config.data.batch_size,
            stream=(self.config.seed, phase, epoch),
            share=self.share,
        )
        return self._laid_out(stream(batches, self.config.data.num_workers))

    def evaluation(self, split: Split) -> Iterator[Batch]:
        """Yield this process's part of `split` in order and without augmentation."""
        batches = EvaluationBatches(split=split, input=self.input, batch_size=EVALUATION_BATCH, share=self.share)
        return self._laid_out(stream(batches, self.config.data.num_workers))

    def _laid_out(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        layout = torch.channels_last if self.config.channels_last else torch.contiguous_format
        return ((x.contiguous(memory_format=layout), targets) for x, targets in batches)

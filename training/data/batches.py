"""Batches of prepared images, drawn so that each depends only on the seed, the phase, the epoch and its number."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from msgspec.structs import replace
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from eeinfer.bundle.manifest import Input
from eeinfer.preprocess import prepare
from eeinfer.training.data.augment import Augmentation
from eeinfer.training.data.dataset import Split
from eeinfer.training.seeds import generator

Batch = tuple[Tensor, Tensor]  # x [B,C,H,W] float32, labels [B] int64


@dataclass(frozen=True, kw_only=True)
class Share:
    """Which part of every batch this process takes."""

    rank: int = 0
    world: int = 1

    def of(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return this process's part of `rows`."""
        return rows[self.rank :: self.world]


@dataclass(frozen=True, kw_only=True)
class TrainingBatches(TorchDataset[Batch]):
    """The batches of one epoch: shuffled, augmented, every image at most once, the incomplete last batch left out."""

    split: Split
    input: Input
    augmentation: Augmentation
    batch_size: int  # over all processes
    stream: tuple[int, int, int]  # seed, phase, epoch
    share: Share = Share()

    def __len__(self) -> int:
        return max(len(self.split) // self.batch_size, 1)

    def __getitem__(self, number: int) -> Batch:
        if not 0 <= number < len(self):
            raise IndexError(number)
        seed, phase, epoch = self.stream
        order = generator(seed, "order", phase, epoch).permutation(len(self.split))
        rows = order[number * self.batch_size : (number + 1) * self.batch_size]
        rows = self.share.of(rows[: len(rows) // self.share.world * self.share.world])
        random = generator(seed, "augment", phase, epoch, number, self.share.rank)
        _, height, width = self.input.tensor.sizes()
        images = self.augmentation.change(self.split.images[rows], random, (height, width))
        x = torch.from_numpy(prepare(images, unscaled(self.input) if self.augmentation.scales else self.input))
        return self.augmentation.finish(x, random), torch.from_numpy(self.split.labels[rows])


@dataclass(frozen=True, kw_only=True)
class EvaluationBatches(TorchDataset[Batch]):
    """All images of a split in order, as deployment will prepare them."""

    split: Split
    input: Input
    batch_size: int
    share: Share = Share()

    def __len__(self) -> int:
        return -(-len(self._rows()) // self.batch_size)

    def __getitem__(self, number: int) -> Batch:
        if not 0 <= number < len(self):
            raise IndexError(number)
        rows = self._rows()[number * self.batch_size : (number + 1) * self.batch_size]
        return torch.from_numpy(prepare(self.split.images[rows], self.input)), torch.from_numpy(self.split.labels[rows])

    def _rows(self) -> NDArray[np.int64]:
        return self.share.of(np.arange(len(self.split)))


def unscaled(input: Input) -> Input:
    """Return `input` for images that have its size already: without the resize that precedes a centre crop."""
    assert input.preprocess is not None
    return replace(input, preprocess=replace(input.preprocess, resize=None))


def stream(batches: TrainingBatches | EvaluationBatches, num_workers: int) -> Iterator[Batch]:
    """Yield the batches in order, prepared by `num_workers` processes, or here if 0."""
    if num_workers == 0:
        return (batches[number] for number in range(len(batches)))
    # A generator of its own: the loader's draw must not move torch's global state.
    loader = DataLoader(batches, batch_size=None, num_workers=num_workers, generator=torch.Generator())
    return iter(loader)

"""What a data set is: images, labels, class names, and how an image becomes an input."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import ImageFiles
from eeinfer.bundle.manifest import Input, Preprocess, TensorSpec

Pixels: TypeAlias = NDArray[np.uint8]  # [N,H,W] grey or [N,H,W,C]


@dataclass(frozen=True, kw_only=True)
class Split:
    """Labelled images. Indexing `images` with an integer array gives those images, as an array or a list."""

    images: Pixels | ImageFiles
    labels: NDArray[np.int64]  # [N]

    def __post_init__(self) -> None:
        assert len(self.images) == len(self.labels)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: NDArray[np.int64]) -> "Split":
        """Return the images at `indices`, undecoded where they are files."""
        files = self.images
        chosen = ImageFiles([files.paths[i] for i in indices]) if isinstance(files, ImageFiles) else files[indices]
        return Split(images=chosen, labels=self.labels[indices])


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A labelled data set with its own split into training and test images."""

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    channels: int
    size: tuple[int, int]  # height, width that networks read by default
    mean: tuple[float, ...]  # per channel, on the [0, 1] scale
    std: tuple[float, ...]
    augment: str  # key of AUGMENTATIONS that training uses by default
    resize_ratio: float | None = None  # shorter side over crop side at evaluation; None scales straight to the size
    folder: str | None = None  # of a user's own images, the name of their folder or list; None: a data set by name
    held_out: bool = False  # whether the test images are those of eeinfer.labelled.held_out

    def input(self, size: tuple[int, int] | None = None, normalise: Preprocess | None = None) -> Input:
        """Return how images become the network's input, at `size` and with the mean and std of `normalise`."""
        height, width = size or self.size
        source = normalise if normalise is not None and len(normalise.mean) == self.channels else self
        return Input(
            tensor=TensorSpec(name="input", dtype="float32", shape=(self.channels, height, width)),
            preprocess=Preprocess(
                resize=None if self.resize_ratio is None else round(min(height, width) * self.resize_ratio),
                mean=source.mean,
                std=source.std,
            ),
        )


def own_images(dataset: Dataset) -> dict[str, Any]:  # JSON
    """Return what a checkpoint remembers of a user's own images: never where they lie."""
    return {} if dataset.folder is None else {"folder": dataset.folder, "held_out": dataset.held_out}

"""What a data set is: images, labels, class names, and how an image becomes an input."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import ImageFiles
from eeinfer.bundle.manifest import Input, Preprocess, TensorSpec
from eeinfer.errors import DataError

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


def refuse_unsound(name: str, dataset: Any) -> None:
    """Refuse what a user's own function returns if no network can be trained on it.

    Raises:
        DataError: naming what is wrong.
    """
    if not isinstance(dataset, Dataset):
        raise DataError(f"{name} returned {type(dataset).__name__}; it has to return an eeinfer.training.data.Dataset")
    count = len(dataset.classes)
    if count < 2 or not len(dataset.mean) == len(dataset.std) == dataset.channels:
        raise DataError(
            f"{name} returned {count} classes, {dataset.channels} channels, {len(dataset.mean)} means and "
            f"{len(dataset.std)} deviations; give two classes or more, and a mean and a deviation for each channel"
        )
    for part, split in (("training", dataset.train), ("test", dataset.test)):
        labels = np.asarray(split.labels)
        if not len(split) or labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= count:
            raise DataError(f"{name} returned {part} labels that are no whole numbers from 0 to {count - 1}")
        if not isinstance(split.images, ImageFiles):
            _refuse_pixels(f"{name} returned {part} images", split.images, dataset.channels)


def _refuse_pixels(what: str, images: Any, channels: int) -> None:
    shape: tuple[int, ...] = getattr(images, "shape", ())
    kind = getattr(images, "dtype", type(images).__name__)
    if kind != np.uint8 or ((len(shape) != 4 or shape[-1] != channels) and (len(shape) != 3 or channels != 1)):
        form = "[N,H,W]" if channels == 1 else f"[N,H,W,{channels}]"
        raise DataError(f"{what} of type {kind} and shape {list(shape)}; give uint8 of shape {form}, or ImageFiles")

"""Images with and without labels, and whether labels fit a bundle."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import count_rows
from eeinfer.errors import DataError

Array = NDArray[Any]

ASK = (
    "give --data with a data set's name, a folder of images in one folder per class, a .csv file with the columns "
    "path,label, or an .npz file holding 'images' and 'labels'"
)


@dataclass(frozen=True, kw_only=True)
class GivenImages:
    """N images, what they are called, and their labels where these are known."""

    name: str
    images: Any  # an array with the images on axis 0, a sequence of single ones, or a mapping with an array per input
    labels: Array | None  # [N] class indices

    def __len__(self) -> int:
        return count_rows(self.images)


@dataclass(frozen=True, kw_only=True)
class BenchData:
    """N labelled images and what they are called."""

    name: str
    images: Any  # an array with the images on axis 0, a sequence of single ones, or a mapping with an array per input
    labels: Array  # [N] class indices


def check_data(images: Any, labels: Any, classes: int) -> Array:
    """Return the labels as int64 [N].

    Raises:
        DataError: no images, another number of labels, or labels that are no class indices.
    """
    found = np.asarray(labels)
    if found.ndim != 1 or not np.issubdtype(found.dtype, np.integer):
        raise DataError(f"labels are {found.dtype} of shape {list(found.shape)}; give one whole number per image")
    if len(found) == 0 or count_rows(images) != len(found):
        raise DataError(
            f"there are {count_rows(images)} images and {len(found)} labels; give as many of both, at least one"
        )
    if found.min() < 0 or found.max() >= classes:
        raise DataError(
            f"labels run from {found.min()} to {found.max()}, the bundle knows the classes 0 to {classes - 1}; "
            "give the data set that it was trained for"
        )
    return found.astype(np.int64)

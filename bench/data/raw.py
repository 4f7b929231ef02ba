"""Images for a bundle that reads 8-bit pixels as its tensor, as `fold_preprocess` makes them: in its order of axes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from eeinfer.arrays import ImageFiles
from eeinfer.bench.data.images import GivenImages
from eeinfer.bundle.manifest import Manifest
from eeinfer.bundle.pixels import Array, Shape, in_order, pixel_shape

_CHANNELS = (1, 3)


def as_read(found: GivenImages, manifest: Manifest) -> GivenImages:
    """Return images as the bundle reads them, where its one input is uint8 with three axes; others as they are.

    Raises:
        DataError: the images have another size: such a bundle leaves scaling and cropping to the caller.
    """
    shape = pixel_shape(manifest)
    if shape is None:
        return found
    if isinstance(found.images, ImageFiles):
        return replace(found, images=RawFiles(found.images, shape))
    if isinstance(found.images, np.ndarray) and found.images.dtype == np.uint8:
        grey = found.images.ndim == len(shape) and found.images.shape != (len(found), *shape)
        return replace(found, images=in_order(found.images[..., np.newaxis] if grey else found.images, shape))
    return found


def channels(manifest: Manifest) -> int:
    """Return how many channels the images of a bundle have."""
    shape = pixel_shape(manifest)
    if shape is None:
        return manifest.input.tensor.sizes()[0]
    return shape[-1] if shape[-1] in _CHANNELS else shape[0]


class RawFiles(Sequence[Array]):
    """Image files, decoded one by one when asked for, each as the bundle reads it."""

    def __init__(self, files: ImageFiles, shape: Shape) -> None:
        self._files, self._shape = files, shape

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return RawFiles(self._files[index], self._shape)
        found = self._files[index]
        if isinstance(found, list):
            return [in_order(image, self._shape) for image in found]
        return in_order(found, self._shape)

"""8-bit pixels as the tensor of a bundle that normalises them itself: their size and the order of their axes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.bundle.manifest import Manifest
from eeinfer.errors import DataError

Array = NDArray[Any]
Shape = tuple[int, int, int]


def pixel_shape(manifest: Manifest) -> Shape | None:
    """Return the shape of one image where a bundle's one input is 8-bit pixels with three axes; else None."""
    if len(manifest.inputs) != 1:
        return None
    spec = manifest.inputs[0].tensor
    if spec.dtype != "uint8" or len(spec.shape) != 3 or not all(isinstance(size, int) for size in spec.shape):
        return None
    first, second, third = spec.sizes()
    return first, second, third


def in_order(images: Array, shape: Shape) -> Array:
    """Return images [..., H, W, C], or as the bundle reads them already, as [..., *shape].

    Raises:
        DataError: the images have another size: such a bundle leaves scaling and cropping to the caller.
    """
    if images.shape[-3:] == shape:
        return images
    planes = np.moveaxis(images, -1, -3)
    if planes.shape[-3:] == shape:
        return planes
    raise DataError(
        f"the images are {' x '.join(map(str, images.shape[-3:]))}, and the bundle takes 8-bit pixels of exactly "
        f"{' x '.join(map(str, shape))}: scale them first, or give the bundle that this one was made from"
    )

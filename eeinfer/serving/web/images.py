"""Encoded images of a request: decoded within a limit of pixels, which their headers tell."""

import io
import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import to_pixels
from eeinfer.errors import InputError, first_line
from eeinfer.serving.web.failures import RequestError

_FORMATS = ("JPEG", "PNG")


def decoded(elements: Sequence[bytes], channels: int, max_pixels: int) -> list[NDArray[np.uint8]]:
    """Decode JPEG and PNG files to uint8 [H, W, channels] each.

    Raises:
        RequestError: one is no such image, damaged, or all together have more than ``max_pixels``.
    """
    found, left = [], max_pixels
    for number, element in enumerate(elements):
        pixels, count = _decoded(number, element, channels, left)
        found.append(pixels)
        left -= count
    return found


def _decoded(number: int, element: bytes, channels: int, left: int) -> tuple[NDArray[np.uint8], int]:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own limit: ours is looked at before anything is decoded
            with Image.open(io.BytesIO(element), formats=_FORMATS) as image:
                count = image.width * image.height
                if count > left:
                    raise RequestError(f"image {number} has {count:,} pixels, and {left:,} are left for the request")
                return to_pixels(image, channels), count
    except RequestError:
        raise
    except InputError as error:
        raise RequestError(f"image {number}: {error}") from error
    except Exception as error:  # Pillow reports damage with errors of many kinds
        raise RequestError(f"image {number} is no JPEG or PNG that can be read: {first_line(error)}") from error

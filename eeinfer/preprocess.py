"""From images to the tensor that segment 0 reads, by the manifest's one description of it.

Training's evaluation transform calls ``prepare`` too, so what a network learned on is what it is deployed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import check_size, is_pillow, to_pixels
from eeinfer.bundle.manifest import Input, Preprocess
from eeinfer.errors import InputError, first_line

if TYPE_CHECKING:
    from PIL.Image import Image

Array: TypeAlias = NDArray[Any]
Images: TypeAlias = "Array | Image | Sequence[Array | Image]"

_SEVERAL_CHANNELS = (2, 3, 4)  # grey with alpha, colour, colour with alpha


def prepare(images: Images, input: Input) -> Array:
    """Turn one image or many into the input tensor [B, *input.tensor.shape], C-contiguous.

    Args:
        images: one or a list of Pillow images (any 8-bit mode, converted to the channels of ``input``); or 8-bit
            pixels as uint8 [H, W], [H, W, C], [B, H, W], [B, H, W, C] or a list of single ones, of any size; or
            a tensor that is prepared already, [B, *shape] or [*shape] in the input's own dtype, which is only checked.
        input: the manifest's description. Its ``preprocess`` says how pixels are resized, cropped and normalised.

    Raises:
        InputError: empty batch, or a type, dtype, rank, size or channel count that ``input`` does not take.
    """
    if is_pillow(images):
        return _from_pixels([_pillow_pixels(images, input)], input)
    if isinstance(images, (list, tuple)):
        return _from_list(images, input)
    if not hasattr(images, "__array__"):
        raise InputError(
            f"images are a {type(images).__name__}; give Pillow images (PIL.Image.open(path)) or a NumPy array"
        )
    return _from_array(_plain(images), input)


def _from_list(images: Sequence[Any], input: Input) -> Array:
    if not images:
        raise InputError("no images: the list is empty; give at least one")
    if any(is_pillow(image) for image in images):
        return _from_pixels([_pillow_pixels(image, input) for image in images], input)
    images = [_plain(image) if hasattr(image, "__array__") else image for image in images]
    dtypes = {image.dtype for image in images if isinstance(image, np.ndarray)}
    if len(dtypes) > 1:
        raise InputError(f"the list mixes arrays of dtype {' and '.join(sorted(map(str, dtypes)))}; give one kind")
    singles = [_single(image, input) for image in images]
    if singles[0].dtype == np.uint8 and input.tensor.dtype != "uint8":
        return _from_pixels([_with_channels(single, input)[0] for single in singles], input)
    return np.concatenate([_checked(single[np.newaxis], input) for single in singles])


def _plain(array: Any) -> Array:
    """Return what is given as exactly an ``ndarray``: indexing and ``reshape`` mean something else to a ``matrix``."""
    if isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array):
        raise InputError("images are a masked array with masked pixels; fill them first: images.filled(0)")
    try:
        return np.asarray(array)
    except Exception as error:  # of the library that the array comes from: it lies on a GPU, it wants its gradient
        raise InputError(f"images are a {type(array).__name__} that NumPy cannot read: {first_line(error)}") from error


def _single(array: Any, input: Input) -> Array:
    if not isinstance(array, np.ndarray):
        raise InputError(
            f"the list holds a {type(array).__name__}; give Pillow images or NumPy arrays of one image each"
        )
    is_pixels = array.dtype == np.uint8 and input.tensor.dtype != "uint8"
    allowed = (2, 3) if is_pixels else (len(input.tensor.shape),)
    if array.ndim not in allowed or (is_pixels and array.ndim == 3 and array.shape[2] != _channels(input)):
        raise InputError(
            f"an image in the list has the shape {_text(array.shape)}; each must be one image, "
            f"{_single_text(input)}; give a batch as one array"
        )
    return array


def _from_array(array: Array, input: Input) -> Array:
    if array.dtype == np.uint8 and input.tensor.dtype != "uint8":
        return _from_pixels(_with_channels(array, input), input)
    return _checked(array[np.newaxis] if array.ndim == len(input.tensor.shape) else array, input)


def _checked(tensor: Array, input: Input) -> Array:
    """Refuse a prepared tensor [B, *shape] that is not exactly what segment 0 reads."""
    spec = input.tensor
    if tensor.dtype != spec.dtype or tensor.shape[1:] != spec.shape or not len(tensor):
        raise InputError(_mismatch(tensor, input))
    in_place = tensor.flags.c_contiguous and tensor.flags.aligned  # as backends read it
    return tensor if in_place else tensor.copy(order="C")


def _mismatch(tensor: Array, input: Input) -> str:
    spec, pixels = input.tensor, input.preprocess is not None
    wanted = f"{spec.dtype} [batch, {', '.join(map(str, spec.shape))}]"
    if tensor.dtype != spec.dtype:
        hint = f"convert with .astype('{spec.dtype}')" + (", or give 8-bit pixels as uint8" if pixels else "")
        return f"images have the dtype {tensor.dtype}; the network reads {wanted}: {hint}"
    if tensor.shape[1:] != spec.shape:
        hint = "; give 8-bit pixels as uint8 to have them resized" if pixels else ""
        return f"images have the shape {_text(tensor.shape)}; the network reads {wanted}{hint}"
    return f"no images: the batch is empty, {_text(tensor.shape)}; give at least one row"


def _with_channels(pixels: Array, input: Input) -> Array:
    """View 8-bit pixels of any accepted rank as [B, H, W, C], refusing another channel count."""
    channels = _channels(input)
    if pixels.size == 0:
        raise InputError(f"no images: the array is empty, {_text(pixels.shape)}; give at least one image with pixels")
    if pixels.ndim == 2 and channels == 1:
        return pixels[np.newaxis, :, :, np.newaxis]
    if pixels.ndim == 3 and pixels.shape[2] == channels:
        return pixels[np.newaxis]
    if pixels.ndim == 3 and channels == 1 and _is_grey_batch(pixels.shape, input):
        return pixels[..., np.newaxis]
    if pixels.ndim == 4 and pixels.shape[3] == channels:
        return pixels
    raise InputError(
        f"8-bit images have the shape {_text(pixels.shape)}; the network reads {channels} channel(s), the last axis: "
        f"give {_single_text(input)} or a batch of them, or a Pillow image, which is converted"
    )


def _is_grey_batch(shape: tuple[int, ...], input: Input) -> bool:
    """[H, W, 3] would pass for a batch of H images three pixels wide: the likelier mistake is refused."""
    return shape[2] not in _SEVERAL_CHANNELS or shape[1:] == input.tensor.shape[1:]


def _from_pixels(images: Sequence[Array] | Array, input: Input) -> Array:
    """Resize, crop and normalise uint8 images, each [H, W, C], into [B, C, H, W] float32."""
    rule = _rule(input)
    _, height, width = input.tensor.sizes()
    if not (isinstance(images, np.ndarray) and rule.resize is None and images.shape[1:3] == (height, width)):
        images = np.stack([_resized(image, rule, height, width) for image in images])
    scale = (1 / (255 * np.asarray(rule.std, np.float64))).astype(np.float32)
    shift = (-np.asarray(rule.mean, np.float64) / np.asarray(rule.std, np.float64)).astype(np.float32)
    out = np.empty((len(images), *input.tensor.sizes()), np.float32)
    np.multiply(images.transpose(0, 3, 1, 2), scale[:, np.newaxis, np.newaxis], out=out)
    out += shift[:, np.newaxis, np.newaxis]
    return out


def _resized(image: Array, rule: Preprocess, height: int, width: int) -> Array:
    """Scale one image [H, W, C] as the rule says and cut [height, width, C] from its centre."""
    rows, columns = image.shape[:2]
    size = (height, width)
    if rule.resize is not None:
        short = min(rows, columns)
        size = (rule.resize * rows // short, rule.resize * columns // short)
        check_size(*size, f"an image of {columns} x {rows} pixels, its shorter side scaled to {rule.resize},")
    if size != (rows, columns):
        image = _scaled(image, size, rule.interpolation)
    top, left = round((size[0] - height) / 2), round((size[1] - width) / 2)
    return image[top : top + height, left : left + width]


def _scaled(image: Array, size: tuple[int, int], interpolation: str) -> Array:
    from PIL import Image

    resample = Image.Resampling[interpolation.upper()]
    planes = [Image.fromarray(image[..., c]).resize((size[1], size[0]), resample) for c in range(image.shape[2])]
    return np.stack([np.asarray(plane) for plane in planes], axis=2)


def _pillow_pixels(image: Any, input: Input) -> Array:
    """Convert one Pillow image to uint8 [H, W, C] with the channels of ``input``."""
    if not is_pillow(image):
        raise InputError(f"the list mixes Pillow images with a {type(image).__name__}; give one kind")
    return to_pixels(image, _channels(input))


def _rule(input: Input) -> Preprocess:
    if input.preprocess is None:
        raise InputError(
            f"the bundle says nothing about 8-bit images; give {input.tensor.dtype} [batch, "
            f"{', '.join(map(str, input.tensor.shape))}], prepared as in training"
        )
    return input.preprocess


def _channels(input: Input) -> int:
    _rule(input)
    return input.tensor.sizes()[0]


def _single_text(input: Input) -> str:
    if input.preprocess is None:
        return f"{input.tensor.dtype} {_text(input.tensor.sizes())}"
    channels = input.tensor.shape[0]
    return "uint8 [H, W]" if channels == 1 else f"uint8 [H, W, {channels}]"


def _text(shape: tuple[int, ...]) -> str:
    return f"[{', '.join(map(str, shape))}]"


def finite_rows(images: Array) -> NDArray[np.bool_]:
    """Return which rows [B] of a prepared tensor [B, *shape] hold neither NaN nor infinite values.

    Asked of the pixels and not of the scores, because a ReLU may turn NaN into zero and answer with confidence.
    """
    finite: NDArray[np.bool_] = np.logical_and.reduce(np.isfinite(images.reshape(len(images), -1)), axis=1)
    return finite

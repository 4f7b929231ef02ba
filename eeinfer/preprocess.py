"""From what a caller gives to the tensors that the segments read, by the manifest's one description of them.

Training's evaluation transform calls ``prepare`` too, so what a network learned on is what it is deployed on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import is_pillow, resized, to_pixels
from eeinfer.bundle.manifest import Input, Manifest, Preprocess, TensorSpec
from eeinfer.errors import InputError, first_line

if TYPE_CHECKING:
    from PIL.Image import Image

Array: TypeAlias = NDArray[Any]
Images: TypeAlias = "Array | Image | Sequence[Array | Image]"
Given: TypeAlias = "Images | Mapping[str, Images]"

_WHOLE = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
_SEVERAL_CHANNELS = (2, 3, 4)  # grey with alpha, colour, colour with alpha


def prepare_inputs(given: Given, manifest: Manifest) -> dict[str, Array]:
    """Turn what a call is given into one tensor [B, *shape] for every input of the bundle, by name.

    Args:
        given: a mapping from the names of the inputs to what `prepare` takes; for a bundle with one input also that
            alone. Rows of one call are as long as one another: the caller pads them to one length.
        manifest: names the inputs and the dynamic axes, whose sizes must agree from input to input.

    Raises:
        InputError: an input is missing, unknown or of another kind, or rows or lengths do not agree.
    """
    names = [input.tensor.name for input in manifest.inputs]
    if not isinstance(given, Mapping):
        if len(names) > 1:
            raise InputError(f"the bundle reads {_names(names)}; give a mapping with one array for each")
        ready = {names[0]: prepare(given, manifest.inputs[0])}
    else:
        if set(given) != set(names):
            raise InputError(f"the inputs given are {_names(given)}; the bundle reads {_names(names)}")
        ready = {input.tensor.name: _named(given[input.tensor.name], input) for input in manifest.inputs}
    counts = {name: len(tensor) for name, tensor in ready.items()}
    if len(set(counts.values())) > 1:
        text = ", ".join(f"{name!r} has {count}" for name, count in counts.items())
        raise InputError(f"the inputs of one call have as many rows as one another, but {text}")
    if manifest.axes:
        _check_lengths(ready, manifest)
    return ready


def prepare_one(given: Given, manifest: Manifest, asking: str) -> dict[str, Array]:
    """Prepare what is given to the method ``asking``, which answers for one row only.

    Raises:
        InputError: as of `prepare_inputs`, and where there is not exactly one row.
    """
    ready = prepare_inputs(given, manifest)
    if (count := len(next(iter(ready.values())))) != 1:
        raise InputError(f"{asking} answers for one image, got {count}; call the engine for a batch")
    return ready


def _named(given: Images, input: Input) -> Array:
    try:
        return prepare(given, input)
    except InputError as error:
        raise InputError(f"input {input.tensor.name!r}: {error}") from error


def _names(names: Iterable[object]) -> str:
    return ", ".join(map(repr, names)) or "none"


def _check_lengths(ready: Mapping[str, Array], manifest: Manifest) -> None:
    """Refuse dynamic axes that are too short or too long, or differ from one input to another."""
    found: dict[str, tuple[str, int]] = {}
    for spec in (input.tensor for input in manifest.inputs):
        for axis, size in zip(spec.shape, ready[spec.name].shape[1:], strict=True):
            if isinstance(axis, int):
                continue
            bounds = manifest.axes[axis]
            if not bounds.min <= size <= bounds.max:
                raise InputError(
                    f"input {spec.name!r} is {size} on the axis {axis!r}; the bundle takes {bounds.min} to {bounds.max}"
                )
            name, known = found.setdefault(axis, (spec.name, size))
            if known != size:
                raise InputError(
                    f"the axis {axis!r} is {known} in {name!r} and {size} in {spec.name!r}; pad both to one length"
                )


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


def prepare_images(images: Images, preprocess: Preprocess, size: tuple[int, int]) -> Array:
    """Turn images into float32 [B, C, height, width] as a bundle with that ``preprocess`` will: to train on just that.

    Args:
        images: 8-bit images as `prepare` takes them.
        preprocess: how they are resized, cropped and normalised; one mean for each channel C.
        size: height and width that the network reads.

    Raises:
        InputError: as `prepare`.
    """
    tensor = TensorSpec(name="images", dtype="float32", shape=(len(preprocess.mean), *size))
    return prepare(images, Input(tensor=tensor, preprocess=preprocess))


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
    if _is_pixels(singles[0], input):
        return _from_pixels([_with_channels(single, input)[0] for single in singles], input)
    if len({single.shape for single in singles}) > 1:
        shapes = " and ".join(sorted({_text(single.shape) for single in singles}))
        raise InputError(f"the list holds rows of the shapes {shapes}; pad them to one length")
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
    is_pixels = _is_pixels(array, input)
    allowed = (2, 3) if is_pixels else (len(input.tensor.shape),)
    if array.ndim not in allowed or (is_pixels and array.ndim == 3 and array.shape[2] != _channels(input)):
        raise InputError(
            f"an image in the list has the shape {_text(array.shape)}; each must be one image, "
            f"{_single_text(input)}; give a batch as one array"
        )
    return array


def _is_pixels(array: Array, input: Input) -> bool:
    """Whether these are 8-bit pixels to be prepared; to an input of whole numbers they are whole numbers."""
    return array.dtype == np.uint8 and np.dtype(input.tensor.dtype).kind == "f"


def _from_array(array: Array, input: Input) -> Array:
    if _is_pixels(array, input):
        return _from_pixels(_with_channels(array, input), input)
    return _checked(array[np.newaxis] if array.ndim == len(input.tensor.shape) else array, input)


def _checked(tensor: Array, input: Input) -> Array:
    """Refuse a prepared tensor [B, *shape] that is not what the segments read; whole numbers may become wider."""
    spec = input.tensor
    if tensor.dtype != spec.dtype and spec.dtype in _WHOLE and np.can_cast(tensor.dtype, spec.dtype, "safe"):
        tensor = tensor.astype(spec.dtype)
    if tensor.dtype != spec.dtype or not _fits(tensor.shape[1:], spec) or not len(tensor):
        raise InputError(_mismatch(tensor, input))
    in_place = tensor.flags.c_contiguous and tensor.flags.aligned  # as backends read it
    return tensor if in_place else tensor.copy(order="C")


def _fits(shape: tuple[int, ...], spec: TensorSpec) -> bool:
    """Whether a row has the input's shape, its dynamic axes being of any size but 0."""
    return len(shape) == len(spec.shape) and all(
        size == wanted if isinstance(wanted, int) else size > 0 for size, wanted in zip(shape, spec.shape, strict=True)
    )


def _mismatch(tensor: Array, input: Input) -> str:
    spec, pixels = input.tensor, input.preprocess is not None
    rows = "images" if pixels else "rows"
    wanted = f"{spec.dtype} [batch, {', '.join(map(str, spec.shape))}]"
    if tensor.dtype != spec.dtype:
        hint = f"convert with .astype('{spec.dtype}')" + (", or give 8-bit pixels as uint8" if pixels else "")
        return f"{rows} have the dtype {tensor.dtype}; the network reads {wanted}: {hint}"
    if not _fits(tensor.shape[1:], spec):
        hint = "; give 8-bit pixels as uint8 to have them resized" if pixels else ""
        return f"{rows} have the shape {_text(tensor.shape)}; the network reads {wanted}{hint}"
    return f"no {rows}: the batch is empty, {_text(tensor.shape)}; give at least one row"


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
        images = np.stack([resized(image, rule, height, width) for image in images])
    scale, shift = scale_and_shift(rule)
    out = np.empty((len(images), *input.tensor.sizes()), np.float32)
    np.multiply(images.transpose(0, 3, 1, 2), scale[:, np.newaxis, np.newaxis], out=out)
    out += shift[:, np.newaxis, np.newaxis]
    return out


def scale_and_shift(rule: Preprocess) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what a pixel in [0, 255] is multiplied by, and what is added then, per channel."""
    mean, std = np.asarray(rule.mean, np.float64), np.asarray(rule.std, np.float64)
    return (1 / (255 * std)).astype(np.float32), (-mean / std).astype(np.float32)


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
        return f"{input.tensor.dtype} {_text(input.tensor.shape)}"
    channels = input.tensor.shape[0]
    return "uint8 [H, W]" if channels == 1 else f"uint8 [H, W, {channels}]"


def _text(shape: Sequence[int | str]) -> str:
    return f"[{', '.join(map(str, shape))}]"

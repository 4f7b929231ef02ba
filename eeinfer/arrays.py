"""Images as they are given, an array, a sequence of single ones, image files or arrays in a file, become arrays.

Pixels are uint8 [H, W, C], upright. Transparency is dropped, and of several frames the current one counts.
"""

from __future__ import annotations

import math
import os
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

from eeinfer.bundle.manifest import Preprocess
from eeinfer.errors import DataError, EeinferError, InputError, first_line
from eeinfer.files import meant_path

if TYPE_CHECKING:
    from PIL.Image import Image

Array: TypeAlias = NDArray[Any]

MOST_PIXELS = 89_478_485  # of one image, before and after scaling: where Pillow begins to warn
_MODES = {1: "L", 3: "RGB"}
_PLAIN = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "CMYK", "YCbCr", "HSV")  # of 8 bits
_SIXTEEN_BITS = "I;16"
SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".gif", ".tif", ".tiff")
# Besides hidden ones: folders of macOS archives, Synology and QNAP servers, recycle bins and Python.
_LEFT_BEHIND = ("__MACOSX", "@eaDir", "@Recycle", "#recycle", "$RECYCLE.BIN", "lost+found", "__pycache__")
_ORIENTATION = 0x0112  # in EXIF: how a camera was held
_SINGLE = np.dtype(np.float32)
_SUMMED = 8192  # numbers that are summed on one thread; more are shared out by some libraries of linear algebra
_ON_ALPHA = {"P": "RGBA", "PA": "RGBA", "RGBa": "RGBA"}  # what these go through on their way to L or RGB


def read_image(path: str | os.PathLike[str], channels: int = 3) -> NDArray[np.uint8]:
    """Decode an image file into upright 8-bit pixels [H, W, channels].

    Raises:
        DataError: naming the file, which is missing, damaged or too large, or holds pixels that have no 8-bit form.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return to_pixels(image, channels)
    except EeinferError as error:
        raise DataError(f"{os.fspath(path)}: {error}") from error
    except UnidentifiedImageError:
        raise DataError(f"{path} is not an image file that Pillow can read: give a PNG, JPEG or similar") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder: give the images in it, such as {path}/*.png") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"{path} is too large ({first_line(error)}); make it smaller") from error
    except FileNotFoundError:
        near = meant_path(Path(path))
        raise DataError(f"{path} cannot be read: No such file or directory{near}; check the path") from None
    except Exception as error:  # Pillow reports damage with errors of many kinds
        if reason := getattr(error, "strerror", None):
            raise DataError(f"{path} cannot be read: {reason}; check the path") from error
        raise DataError(f"{path} is no readable image ({first_line(error)}): replace or remove it") from error


def to_pixels(image: Image, channels: int) -> NDArray[np.uint8]:
    """Convert one Pillow image to upright 8-bit pixels [H, W, channels]; 16-bit ones are scaled, not clipped.

    Raises:
        InputError: the image is empty, too large or damaged, its mode has no 8-bit form, or no mode of Pillow's has so
            many channels.
    """
    mode = _MODES.get(channels)
    if mode is None:
        raise InputError(f"the network reads {channels} channels; give a uint8 array [H, W, C], not a Pillow image")
    if 0 in image.size:
        raise InputError(f"the image is empty: {image.width} x {image.height} pixels")
    check_size(image.height, image.width)
    try:
        eight_bit = _eight_bit(_upright(image), image.format)
        pixels = np.asarray(eight_bit.convert(_ON_ALPHA.get(eight_bit.mode, eight_bit.mode)).convert(mode))
    except EeinferError:
        raise
    except Exception as error:  # a file is decoded only now, and Pillow reports damage with errors of many kinds
        raise InputError(f"the image cannot be decoded: {first_line(error)}; replace it") from error
    return pixels[..., np.newaxis] if pixels.ndim == 2 else pixels


def is_pillow(image: Any) -> TypeGuard[Image]:
    """Return whether this is a Pillow image; nobody holds one without having imported Pillow."""
    pillow = sys.modules.get("PIL.Image")
    return pillow is not None and isinstance(image, pillow.Image)


def check_size(rows: int, columns: int, made_from: str = "the image") -> None:
    """Refuse an image of more than ``MOST_PIXELS``.

    Raises:
        InputError: it has more.
    """
    if rows * columns > MOST_PIXELS:
        raise InputError(
            f"{made_from} has {columns} x {rows} pixels, more than the {MOST_PIXELS:,} that are taken; cut or scale it"
        )


def _upright(image: Image) -> Image:
    """Turn a photo as its EXIF data says; one without, or with damaged data, is upright."""
    from PIL import ImageOps

    try:
        turned = image.getexif().get(_ORIENTATION, 1) != 1
    except Exception:  # the pixels may be whole where this block is not
        return image
    return ImageOps.exif_transpose(image) if turned else image


def _eight_bit(image: Image, format: str | None) -> Image:
    from PIL import Image as pillow

    mode = image.mode
    if mode.startswith(_SIXTEEN_BITS) or (mode == "I" and format == "PNG"):  # older versions open 16 bits as I
        wide = np.asarray(image).astype(np.int64)
        return pillow.fromarray(((wide + 128) // 257).astype(np.uint8))
    if mode not in _PLAIN:
        raise InputError(f"the image has mode {mode}, which has no 8-bit form; convert it to 'L' or 'RGB' first")
    return image


class ImageFiles(Sequence[Array]):
    """Image files, decoded one by one when asked for, each uint8 [H, W, channels]."""

    def __init__(self, paths: Sequence[Path], channels: int = 3) -> None:
        self.paths, self.channels = tuple(paths), channels

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return ImageFiles(self.paths[index], self.channels)
        if isinstance(index, (int, np.integer)):
            return read_image(self.paths[index], self.channels)
        return [read_image(self.paths[i], self.channels) for i in index]


def images_by_class(folder: Path) -> dict[str, list[Path]]:
    """Return the image files of every class below ``folder``, classes and files in alphabetical order.

    A class is a folder with images in it; what editors, archives and file servers leave behind is none.
    """
    found = {path.name: images_below(path) for path in sorted(folder.iterdir()) if path.is_dir()}
    return {name: images for name, images in found.items() if images and not _left_behind(name)}


def images_below(folder: Path) -> list[Path]:
    """Return the image files in ``folder`` and its folders, in alphabetical order, without what was left behind."""
    found = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES)
    return [path for path in found if not any(map(_left_behind, path.relative_to(folder).parts))]


def _left_behind(name: str) -> bool:
    return name.startswith(".") or name in _LEFT_BEHIND


def count_rows(given: Any) -> int:
    """Return how many rows there are in what an engine is given: images, or a mapping with one array per input."""
    return len(next(iter(given.values()))) if isinstance(given, Mapping) else len(given)


def take(images: Any, rows: Array) -> Any:
    """Pick some of the rows of what an engine is given, in the form in which they came."""
    if isinstance(images, Mapping):
        return {name: take(part, rows) for name, part in images.items()}
    return images[rows] if isinstance(images, np.ndarray) else [images[int(row)] for row in rows]


def accuracy(predictions: Array, labels: Array) -> float:
    """Return the share of ``predictions`` [N] that are the ``labels`` [N]."""
    return float((predictions == labels).mean())


def read_arrays(path: Path, names: Sequence[str], *, ask: str) -> dict[str, Array]:
    """Return those of the named arrays that an .npz file holds; ``ask`` ends the message where there is no file.

    Raises:
        DataError: the file is missing, damaged, or holds pickled objects under one of the names.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:  # np.load leaks damaged files
            return {name: arrays[name] for name in names if name in arrays}
    except FileNotFoundError:
        raise DataError(f"no file {path}; {ask}") from None
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is not a readable .npz file: {error}; save it again with numpy.savez") from error


def resized(image: Array, rule: Preprocess, height: int, width: int) -> Array:
    """Scale one image [H, W, C] as the rule says and cut [height, width, C] from its centre.

    Raises:
        InputError: it would be too large.
    """
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
    """Scale across, then down: left alone, Pillow 13 goes down first where much is cut from the height, and rounds."""
    from PIL import Image

    resample, (rows, columns) = Image.Resampling[interpolation.upper()], size
    planes = []
    for c in range(image.shape[2]):
        wide = Image.fromarray(image[..., c]).resize((columns, image.shape[0]), resample)
        planes.append(np.asarray(wide.resize((columns, rows), resample)))
    return np.stack(planes, axis=2)


def is_finite(inputs: Mapping[str, Array]) -> bool:
    """Return whether no row of prepared inputs holds NaN or infinite values: quicker than to ask which do."""
    return all(map(all_finite, inputs.values()))


def all_finite(array: Array) -> bool:
    """Return whether an array holds neither NaN nor infinite values; whole numbers never do.

    A sum of squares that is finite has finite parts alone, and takes one call that makes no array.
    """
    if array.dtype is _SINGLE and array.size <= _SUMMED and math.isfinite(np.vdot(array, array)):
        return True
    return array.dtype.kind != "f" or bool(np.logical_and.reduce(np.isfinite(array), axis=None))


def square_sum(memory: Array) -> Callable[[], Any]:
    """Return what sums the squares of an array, whatever lies in it by then; not finite where `all_finite` is asked.

    Nothing is looked up in the call: after a network has run, that is what takes the time.
    """
    if memory.dtype == _SINGLE and memory.size <= _SUMMED:
        return partial(np.vdot, memory, memory)
    return lambda: math.nan


def finite_rows(inputs: Mapping[str, Array]) -> NDArray[np.bool_]:
    """Return which rows [B] of prepared inputs [B, *shape] hold neither NaN nor infinite values.

    Asked of the pixels and not of the scores, because a ReLU may turn NaN into zero and answer with confidence.
    """
    masks = [
        np.logical_and.reduce(np.isfinite(array.reshape(len(array), -1)), axis=1)
        for array in inputs.values()
        if array.dtype.kind == "f"
    ]
    if not masks:
        return np.ones(len(next(iter(inputs.values()))), np.bool_)
    finite: NDArray[np.bool_] = masks[0] if len(masks) == 1 else np.logical_and.reduce(masks)
    return finite

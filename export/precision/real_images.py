"""Real images for a bundle: some to calibrate ranges on, others to see what reduced precision did."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer import samples
from eeinfer.arrays import ImageFiles, read_arrays, take
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import Input
from eeinfer.errors import DataError, DependencyError
from eeinfer.labelled import Photos, class_numbers, parts_of, photos_in, photos_listed
from eeinfer.numbers import is_whole
from eeinfer.preprocess import prepare

ASK = (
    "give --calibration with a folder of images, a .csv file with a column path, an .npz file holding 'images', or a "
    "data set's name"
)

Array = NDArray[Any]

_VALIDATION = 0.1  # of the training images, where training set none aside


@dataclass(frozen=True, kw_only=True)
class Part:
    """Some of a number of images."""

    images: Any  # an array with the images on axis 0, or a sequence of single ones
    rows: Array  # which of them
    every_label: Array | None = None  # of all images; None where nobody knows them

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def labels(self) -> Array | None:
        """Of the chosen images, [N]."""
        return None if self.every_label is None else self.every_label[self.rows]

    def batches(self, input: Input, size: int) -> Iterator[Array]:
        """Yield the images as the network reads them, at most `size` at a time.

        Raises:
            InputError: the network does not take such images.
        """
        for at in range(0, len(self), size):
            yield prepare(take(self.images, self.rows[at : at + size]), input)


@dataclass(frozen=True, kw_only=True)
class RealImages:
    """No image is in both parts."""

    name: str  # where they come from
    calibration: Part
    report: Part

    def at_most(self, calibration: int, report: int, *, seed: int) -> "RealImages":
        """Choose some of each part."""
        draw = np.random.default_rng(seed)
        first = draw.permutation(self.calibration.rows)[:calibration]
        second = draw.permutation(self.report.rows)[:report]
        return replace(
            self, calibration=replace(self.calibration, rows=first), report=replace(self.report, rows=second)
        )


def real_images(
    bundle: Bundle,
    data: str | os.PathLike[str] | None,
    *,
    root: str | os.PathLike[str] | None = None,
    seed: int,
) -> RealImages:
    """Find images for `bundle` and divide them.

    Args:
        bundle: what they are for; it says which data set it was trained on.
        data: a folder of image files, a path ending in .csv that lists some (eeinfer.labelled.lists), one ending in
            .npz with the array ``images`` (and ``labels``), or the name of a data set; None takes the data set that
            the bundle was trained on, and for the shipped bundle the shipped images. A data set's validation images
            are for calibration and its test images for the report, as are a folder's training and test part; of
            anything else one half each.
        root: the folder that holds the files of a data set; None looks where that one usually lies.
        seed: of the halves.

    Raises:
        DataError: there are none, too few, or damaged ones.
        DependencyError: a data set by name needs packages that are not installed.
    """
    found = _found(bundle, data, None if root is None else Path(root), seed)
    labels, classes = found.report.every_label, len(bundle.manifest.classes)
    if labels is not None and not 0 <= labels.min() <= labels.max() < classes:
        raise DataError(
            f"labels of {found.name} run from {labels.min()} to {labels.max()}, the bundle knows the classes 0 to "
            f"{classes - 1}; give images of these classes, or leave the labels out"
        )
    return found


def _found(bundle: Bundle, data: str | os.PathLike[str] | None, root: Path | None, seed: int) -> RealImages:
    if data is not None:
        path = Path(data)
        if path.suffix == ".npz":
            return _halved(path.stem, *_arrays(path), seed)
        if path.suffix.lower() == ".csv":
            return _halved(str(path), *_known(photos_listed(path), bundle), seed)
        if path.is_dir():
            return _of_folder(path, bundle, seed)
        return _data_set(str(data), root, _VALIDATION, 0)
    if samples.is_shipped(bundle):
        images, labels = samples.images()
        return _halved("the test images shipped with eeinfer", images, labels, seed)
    return _trained_on(bundle, root)


def _halved(name: str, images: Any, labels: Array | None, seed: int) -> RealImages:
    if len(images) < 2:
        raise DataError(f"{name} holds {len(images)} images; calibration and report need one each, better hundreds")
    rows = np.random.default_rng(seed).permutation(len(images))
    return RealImages(
        name=name,
        calibration=Part(images=images, rows=rows[: len(rows) // 2]),
        report=Part(images=images, rows=rows[len(rows) // 2 :], every_label=labels),
    )


def _of_folder(folder: Path, bundle: Bundle, seed: int) -> RealImages:
    """Divide the images in a folder by its parts, or in halves where it has none."""
    parts, name = parts_of(folder), f"the images in {folder}"
    if parts is None:
        return _halved(name, *_known(_photos(folder), bundle), seed)
    images, _ = _known(_photos(parts[0]), bundle)
    tests, labels = _known(_photos(parts[1]), bundle)
    return RealImages(
        name=name,
        calibration=Part(images=images, rows=np.arange(len(images))),
        report=Part(images=tests, rows=np.arange(len(tests)), every_label=labels),
    )


def _photos(folder: Path) -> Photos:
    try:
        return photos_in(folder)
    except DataError as error:
        raise DataError(f"no image in {folder} or below it; {ASK}") from error


def _known(photos: Photos, bundle: Bundle) -> tuple[ImageFiles, Array | None]:
    """Return the images with their labels; None where their names are not those of the bundle's classes."""
    images, labels = ImageFiles(photos.paths, bundle.manifest.input.tensor.sizes()[0]), None
    if photos.names is not None:
        with contextlib.suppress(DataError):
            labels = class_numbers(photos, bundle.manifest.classes, "the bundle")
    return images, labels


def _arrays(path: Path) -> tuple[Array, Array | None]:
    arrays = read_arrays(path, ("images", "labels"), ask=ASK)
    if "images" not in arrays:
        raise DataError(f"{path} holds no array 'images'; save it with numpy.savez(path, images=...)")
    images, labels = arrays["images"], arrays.get("labels")
    if labels is not None and (labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer)):
        raise DataError(
            f"{path} holds {len(images)} images and labels of {labels.dtype} {list(labels.shape)}; "
            "give one whole number per image, or no labels"
        )
    return images, labels


def _trained_on(bundle: Bundle, root: Path | None) -> RealImages:
    """Find the data set by its name; a folder that the bundle names is not looked into."""
    facts = bundle.manifest.provenance
    name, config = facts.get("dataset"), facts.get("config")
    if not isinstance(name, str):
        raise DataError(f"{bundle.path} does not say which data set it was trained on; {ASK}")
    return _data_set(name, root, *_split_of(config))


def _split_of(config: Any) -> tuple[float, int]:
    """The share of the validation images and the seed that chose them, where a bundle says both as a run would."""
    config = config if isinstance(config, dict) else {}
    data = config.get("data")
    share, seed = data.get("val_share") if isinstance(data, dict) else None, config.get("seed")
    return (
        share if isinstance(share, float) and 0 < share < 1 else _VALIDATION,
        seed if is_whole(seed, 0) else 0,
    )


def _data_set(name: str, root: Path | None, share: float, seed: int) -> RealImages:
    """Calibrate on the images that selected the weights in training."""
    try:
        from eeinfer.training.data import load_dataset
        from eeinfer.training.data.split import stratified

        found = load_dataset(name, root)
    except DataError as error:
        raise DataError(f"no images of {name!r} to calibrate and report on: {error}; or {ASK}") from error
    except DependencyError:
        raise
    except ImportError as error:
        raise DependencyError(
            f"the data set {name!r} is read by the training part: pip install 'eeinfer[train]'; or {ASK}"
        ) from error
    _, validation = stratified(found.train.labels, share, seed=seed)
    test = found.test
    return RealImages(
        name=name,
        calibration=Part(images=found.train.images, rows=validation),
        report=Part(images=test.images, rows=np.arange(len(test)), every_label=test.labels),
    )

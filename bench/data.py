"""The images to measure on: a file, a folder, a data set by name, the one trained on, or the shipped ones."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer import samples
from eeinfer.arrays import ImageFiles, count_rows, images_below, images_by_class, read_arrays
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import DataError, DependencyError
from eeinfer.machine.extras import missing_extra

Array = NDArray[Any]

_ASK = "give --data with a data set's name, a folder of images in one folder per class, or an .npz file holding "
_ASK += "'images' and 'labels'"

_FEW = 10  # classes that a message names


@dataclass(frozen=True, kw_only=True)
class BenchData:
    """N labelled images and what they are called."""

    name: str
    images: Any  # an array with the images on axis 0, a sequence of single ones, or a mapping with an array per input
    labels: Array  # [N] class indices


def bench_data(bundle: str | os.PathLike[str], data: str | None = None) -> BenchData:
    """Find the images to measure ``bundle`` on.

    Args:
        bundle: the .eeb folder.
        data: a path ending in .npz, with the arrays ``images`` and ``labels``, or, where the bundle has several
            inputs, ``labels`` and one array by the name of each; a folder that holds a folder of images
            for each class, named as the bundle's classes are; or a data set's name, of which the test part is taken.
            None takes the shipped images for the shipped bundle, and otherwise the data set that the bundle says it
            was trained on.

    Raises:
        DataError: nothing is known about the bundle's data, the file is missing or damaged, or the folder holds no
            labelled images or a class that the bundle does not know.
        BundleError: the bundle is missing or damaged.
        DependencyError: a data set by name needs packages that are not installed.
    """
    if data is not None and data.endswith(".npz"):
        return _from_file(Path(data), Bundle.open(bundle, verify=False))
    if data is not None:
        return _from_folder(Path(data), Bundle.open(bundle, verify=False)) if _is_folder(data) else _from_name(data)
    opened = Bundle.open(bundle, verify=False)
    if samples.is_shipped(opened):
        images, labels = samples.images()
        return BenchData(name=f"{len(labels)} test images shipped with eeinfer", images=images, labels=labels)
    name = _trained_on(opened)
    try:
        return _from_name(name)
    except DataError as error:
        raise DataError(f"{error}; or {_ASK}") from error


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


def _from_file(path: Path, bundle: Bundle) -> BenchData:
    inputs = [input.tensor.name for input in bundle.manifest.inputs]
    names = ["images", "labels"] if len(inputs) == 1 else [*inputs, "labels"]
    arrays = read_arrays(path, names, ask=_ASK)
    missing = next((name for name in names if name not in arrays), None)
    if missing is not None:
        raise DataError(f"{path} holds no array {missing!r}; save {', '.join(names)} with numpy.savez")
    labels = arrays.pop("labels")
    return BenchData(name=path.stem, images=arrays.get("images") if len(inputs) == 1 else arrays, labels=labels)


def _is_folder(data: str) -> bool:
    """A folder without images may be called as a data set is: that of a run, for one."""
    path = Path(data)
    return path.is_dir() and (len(path.parts) != 1 or bool(images_below(path)))


def _from_folder(folder: Path, bundle: Bundle) -> BenchData:
    found, classes = images_by_class(folder), bundle.manifest.classes
    if not found:
        raise DataError(
            f"{folder} holds no images in folders named after the classes, and accuracy needs to know each image's "
            f"class: put them into folders such as {folder / classes[0]}"
        )
    unknown = next((name for name in found if name not in classes), None)
    if unknown is not None:
        raise DataError(
            f"{folder} holds images of {unknown!r}, which the bundle {bundle.manifest.name!r} does not know; its "
            f"classes are {', '.join(classes[:_FEW])}{', ...' if len(classes) > _FEW else ''}: "
            "name the folder right above folders of these names"
        )
    labelled = [(path, classes.index(name)) for name, paths in found.items() for path in paths]
    return BenchData(
        name=f"the images in {folder}",
        images=ImageFiles([path for path, _ in labelled], bundle.manifest.input.tensor.sizes()[0]),
        labels=np.array([label for _, label in labelled]),
    )


def _from_name(name: str) -> BenchData:
    try:
        from eeinfer.training.data import load_dataset
    except ImportError as error:
        raise _needs_training(name, error) from error
    try:
        test = load_dataset(name).test
    except ImportError as error:
        raise _needs_training(name, error) from error
    return BenchData(name=f"{name}, test part", images=test.images, labels=np.asarray(test.labels))


def _needs_training(name: str, error: ImportError) -> DependencyError:
    if isinstance(error, DependencyError):
        return error
    known = missing_extra(error)
    return known or DependencyError(f"the data set {name!r} is read by the training part: pip install 'eeinfer[train]'")


def _trained_on(bundle: Bundle) -> str:
    """Name of the data set; a folder that the bundle names is not looked into."""
    name = bundle.manifest.provenance.get("dataset")
    if not isinstance(name, str):
        raise DataError(f"{bundle.path} does not say which data set it was trained on; {_ASK}")
    return name

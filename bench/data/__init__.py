"""The images to measure on: a file, a folder, a list, a data set by name, the one trained on, or the shipped ones."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eeinfer import samples
from eeinfer.arrays import images_below
from eeinfer.bench.data.files import from_arrays, from_folder, from_list
from eeinfer.bench.data.images import ASK
from eeinfer.bench.data.images import BenchData as BenchData
from eeinfer.bench.data.images import GivenImages as GivenImages
from eeinfer.bench.data.images import check_data as check_data
from eeinfer.bench.data.named import from_name, trained_on
from eeinfer.bench.data.raw import as_read
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import DataError, DependencyError
from eeinfer.files import meant_path


def given_images(
    bundle: str | os.PathLike[str], data: str | None = None, *, root: str | os.PathLike[str] | None = None
) -> GivenImages:
    """Find the images that a command shall run ``bundle`` on, with their labels where these are known.

    Args:
        bundle: the .eeb folder.
        data: a path ending in .npz, with the array ``images``, or one by the name of each input, and with ``labels``;
            one ending in .csv, a list of paths and labels (eeinfer.labelled.lists); a folder of images, in one folder
            per class, named as the bundle's classes are, or flat; or a data set's name, of which the test part is
            taken. Of a folder with a training and a test part it is the test part too, and of the folder that the
            bundle was trained on the images that training left out. None takes the shipped images for the shipped
            bundle, and otherwise the data set that the bundle says it was trained on.
        root: the folder that holds the files of a data set by name; None looks where that one usually lies.

    Raises:
        DataError: nothing is known about the bundle's data, the file is missing or damaged, the folder holds no
            images or a class that the bundle does not know, or a bundle that takes 8-bit pixels as they are gets some
            of another size.
        BundleError: the bundle is missing or damaged.
        DependencyError: a data set by name needs packages that are not installed.
    """
    opened = Bundle.open(bundle, verify=False)
    return as_read(_found(opened, data, root), opened.manifest)


def _found(opened: Bundle, data: str | None, root: str | os.PathLike[str] | None) -> GivenImages:
    if data is None:
        return _without_a_name(opened, root)
    path = Path(data)
    ending = path.suffix.lower()
    found = (
        from_arrays(path, opened)
        if ending == ".npz"
        else from_list(path, opened)
        if ending == ".csv"
        else from_folder(path, opened)
        if _is_folder(data)
        else None
    )
    if found is None:
        return _by_name(data, root)
    if root is not None:
        raise DataError(f"--root {root} has no effect, {data} is no data set's name; leave it out")
    return found


def bench_data(
    bundle: str | os.PathLike[str], data: str | None = None, *, root: str | os.PathLike[str] | None = None
) -> BenchData:
    """Find labelled images; as `given_images`.

    Raises:
        DataError: as `given_images`, or nobody knows the labels.
    """
    found = given_images(bundle, data, root=root)
    if found.labels is None:
        classes = Bundle.open(bundle, verify=False).manifest.classes
        raise DataError(_ask_for_labels(Path(data or ""), classes))
    return BenchData(name=found.name, images=found.images, labels=found.labels)


def _by_name(data: str, root: str | os.PathLike[str] | None) -> GivenImages:
    try:
        return from_name(data, root)
    except DependencyError as error:
        raise DependencyError(f"no folder or file {data} here{meant_path(Path(data))}; {error}") from error
    except DataError as error:
        if Path(data).is_dir():
            raise DataError(f"{data} is a folder without images, and no data set's name; {ASK}") from error
        if str(error).startswith("unknown data set"):
            raise DataError(f"{error}; nor is there a folder or file {data} here{meant_path(Path(data))}") from error
        raise


def _ask_for_labels(path: Path, classes: Sequence[str]) -> str:
    if path.suffix.lower() == ".npz":
        return f"{path} holds no array 'labels'; save images, labels with numpy.savez"
    if path.suffix.lower() == ".csv":
        return f"{path} has no column 'label', and accuracy needs to know each image's class: add one"
    if path.name in classes:
        return f"{path} holds the images of one class; name the folder above, which holds all: --data {path.parent}"
    return (
        f"{path} holds no images in folders named after the classes, and accuracy needs to know each image's class: "
        f"put them into folders such as {path / classes[0]}, or list them in a .csv file with the columns path,label"
    )


def _without_a_name(opened: Bundle, root: str | os.PathLike[str] | None) -> GivenImages:
    if root is None and samples.is_shipped(opened):
        images, labels = samples.images()
        return GivenImages(name=f"{len(labels)} test images shipped with eeinfer", images=images, labels=labels)
    return trained_on(opened, root)


def _is_folder(data: str) -> bool:
    """A folder without images may be called as a data set is: that of a run, for one."""
    path = Path(data)
    return path.is_dir() and (len(path.parts) != 1 or bool(images_below(path)))


def labels_or_zeros(found: GivenImages) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Return the labels [N], and class 0 for all where nobody knows them: for what looks at no label."""
    return np.zeros(len(found), np.int64) if found.labels is None else found.labels

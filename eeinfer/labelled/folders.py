"""Folders of images: one folder per class, the same in a training and a test part, or flat."""

from pathlib import Path

from eeinfer.arrays import SUFFIXES, images_below, images_by_class
from eeinfer.errors import DataError
from eeinfer.labelled.photos import Photos

TRAIN, TESTS = "train", ("test", "val", "validation")


def photos_in(folder: Path) -> Photos:
    """Return the images in ``folder``: of the classes that its folders are named after, or without classes.

    Raises:
        DataError: there is no image.
    """
    found = images_by_class(folder)
    if found:
        pairs = [(path, name) for name, paths in found.items() for path in paths]
        return Photos(place=folder, paths=tuple(path for path, _ in pairs), names=tuple(name for _, name in pairs))
    paths = images_below(folder)
    if not paths:
        raise DataError(f"{folder} holds no images; those that count end in {', '.join(SUFFIXES)}")
    return Photos(place=folder, paths=tuple(paths), names=None)


def parts_of(folder: Path) -> tuple[Path, Path] | None:
    """Return the training and the test part of ``folder``; None where it is not divided into such."""
    tests = [folder / name for name in TESTS if (folder / name).is_dir()]
    train = folder / TRAIN
    return (train, tests[0]) if tests and train.is_dir() else None

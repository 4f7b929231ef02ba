"""The test images of a data set by name, and of the one that a bundle was trained on."""

import os
from pathlib import Path

import numpy as np

from eeinfer.bench.data.files import FOLDER
from eeinfer.bench.data.images import ASK, GivenImages
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import DataError, DependencyError

_FEW = 5  # classes that a message names


def from_name(name: str, root: str | os.PathLike[str] | None = None) -> GivenImages:
    """Load the test part of a data set.

    Raises:
        DataError: unknown, missing or damaged.
        DependencyError: the training part is not installed.
    """
    try:
        from eeinfer.training.data import load_dataset

        test = load_dataset(name, None if root is None else Path(root)).test
    except DependencyError:
        raise
    except ImportError as error:
        raise DependencyError(
            f"the data set {name!r} is read by the training part: pip install 'eeinfer[train]'; images of your own "
            f"need none of it: {ASK}"
        ) from error
    return GivenImages(name=f"{name}, test part", images=test.images, labels=np.asarray(test.labels))


def trained_on(bundle: Bundle, root: str | os.PathLike[str] | None) -> GivenImages:
    """Load the data set that the bundle was trained on; a folder that it names is not looked into.

    Raises:
        DataError: it does not say, or the files are missing: the message says what to give.
    """
    facts = bundle.manifest.provenance
    name, folder = facts.get("dataset"), facts.get(FOLDER)
    if not isinstance(name, str):
        raise DataError(f"{bundle.path} does not say which data set it was trained on; {ASK}")
    if root is None and isinstance(folder, str):
        classes = bundle.manifest.classes
        some = f"{', '.join(classes[:_FEW])}{', ...' if len(classes) > _FEW else ''}"
        raise DataError(
            f"{bundle.path} was trained on images of your own, {folder!r} with the classes {some}: say where they are, "
            f"as with --data {folder}"
        )
    try:
        return from_name(name, root)
    except DataError as error:
        raise DataError(f"{error}; or {ASK}") from error

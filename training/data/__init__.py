"""Data sets by name. Nothing is ever downloaded: where files are missing, the error says how to get them."""

from collections.abc import Callable
from pathlib import Path

from eeinfer.errors import ConfigError, DataError
from eeinfer.training.config import DataConfig
from eeinfer.training.data.cifar import load_cifar10, load_cifar100
from eeinfer.training.data.dataset import Dataset as Dataset
from eeinfer.training.data.dataset import Split as Split
from eeinfer.training.data.dataset import refuse_unsound
from eeinfer.training.data.fashion_mnist import load_fashion_mnist
from eeinfer.training.data.folders import load_imagefolder, load_imagenette
from eeinfer.training.data.small import load_digits, load_synthetic
from eeinfer.training.parts import own_part, running, unknown_part
from eeinfer.training.parts.files import in_file

DATASETS: dict[str, Callable[[str | Path | None], Dataset]] = {
    "digits": load_digits,
    "fashion-mnist": load_fashion_mnist,
    "cifar10": load_cifar10,
    "cifar100": load_cifar100,
    "imagenette": load_imagenette,
    "imagefolder": load_imagefolder,
    "synthetic": load_synthetic,
}


def load_dataset(name: str, root: str | Path | None = None) -> Dataset:
    """Load a data set of DATASETS or of an installed package; a file of Python is never run.

    Args:
        name: its key, or what a package declares.
        root: the folder that holds its files; None looks in $EEINFER_DATA, ./data and the system's folders.

    Raises:
        DataError: unknown, missing or damaged; the message says how to get the files.
    """
    if in_file(name) is not None:
        raise DataError(f"the data set {name!r} is in a file of Python, which is run to train alone")
    return _load(name, root)


def configured_dataset(config: DataConfig) -> Dataset:
    """Load the data set that a user's config names; one in a file of the user's own is run.

    Raises:
        DataError: unknown, missing or damaged.
    """
    return _load(config.name, config.root)


def _load(name: str, root: str | Path | None) -> Dataset:
    try:
        own = own_part("data", name, DATASETS)
    except ConfigError as error:
        raise DataError(str(error)) from error
    if own is None:
        if name not in DATASETS:
            raise DataError(unknown_part("data", name, DATASETS))
        return DATASETS[name](root)
    if not callable(own):
        raise DataError(f"{name} is no data set: it has to be a function of a root that returns a Dataset")
    with running("data", name):
        found: Dataset = own(root)
        refuse_unsound(name, found)
    return found

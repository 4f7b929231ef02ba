"""Data sets by name. Nothing is ever downloaded: where files are missing, the error says how to get them."""

from collections.abc import Callable
from pathlib import Path

from eeinfer.errors import DataError
from eeinfer.training.data.cifar import load_cifar10, load_cifar100
from eeinfer.training.data.dataset import Dataset as Dataset
from eeinfer.training.data.dataset import Split as Split
from eeinfer.training.data.fashion_mnist import load_fashion_mnist
from eeinfer.training.data.folders import load_imagefolder, load_imagenette
from eeinfer.training.data.small import load_digits, load_synthetic
from eeinfer.training.names import unknown

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
    """Load a data set of DATASETS.

    Args:
        name: its key.
        root: the folder that holds its files; None looks in $EEINFER_DATA, ./data and the system's folders.

    Raises:
        DataError: unknown, missing or damaged; the message says how to get the files.
    """
    if name not in DATASETS:
        raise DataError(unknown("data set", name, DATASETS))
    return DATASETS[name](root)

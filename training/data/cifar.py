"""CIFAR-10 and CIFAR-100 (Krizhevsky, 2009) in the pickled layout of their home page, which torchvision keeps."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from eeinfer.errors import DataError
from eeinfer.training.data.dataset import Dataset, Split
from eeinfer.training.data.folders import find_folder, search_roots

HOME = "https://www.cs.toronto.edu/~kriz/cifar.html"
_ALLOWED = {  # what the pickles need and may load: NumPy's arrays, nothing that runs code of theirs
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
}


def load_cifar10(root: str | Path | None) -> Dataset:
    """Read CIFAR-10 from ``cifar-10-batches-py``."""
    folder = _folder(root, "cifar-10-batches-py", "cifar-10-python.tar.gz")
    return Dataset(
        name="cifar10",
        train=_split(folder, [f"data_batch_{number}" for number in range(1, 6)], "labels", 10),
        test=_split(folder, ["test_batch"], "labels", 10),
        classes=_classes(folder, "batches.meta", "label_names"),
        channels=3,
        size=(32, 32),
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.247, 0.243, 0.262),
        augment="affine-flip",
    )


def load_cifar100(root: str | Path | None) -> Dataset:
    """Read CIFAR-100 with its 100 fine labels from ``cifar-100-python``."""
    folder = _folder(root, "cifar-100-python", "cifar-100-python.tar.gz")
    return Dataset(
        name="cifar100",
        train=_split(folder, ["train"], "fine_labels", 100),
        test=_split(folder, ["test"], "fine_labels", 100),
        classes=_classes(folder, "meta", "fine_label_names"),
        channels=3,
        size=(32, 32),
        mean=(0.5071, 0.4865, 0.4409),
        std=(0.267, 0.256, 0.276),
        augment="trivial",
    )


def _folder(root: str | Path | None, name: str, archive: str) -> Path:
    return find_folder(search_roots(root), [name], f"download {archive} from {HOME} and unpack it there")


def _split(folder: Path, files: list[str], key: str, num_classes: int) -> Split:
    parts = [_read(folder / name) for name in files]
    try:
        rows = np.concatenate([np.asarray(part["data"], np.uint8) for part in parts])
        labels = np.concatenate([np.asarray(part[key], np.int64) for part in parts])
        images = rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    except (KeyError, ValueError, TypeError) as error:
        raise DataError(
            f"{folder} does not hold what CIFAR's files hold ({error}); get them anew from {HOME}"
        ) from error
    if len(labels) != len(images) or not 0 <= labels.min(initial=0) <= labels.max(initial=0) < num_classes:
        raise DataError(f"images and labels in {folder} do not fit each other; get the files anew from {HOME}")
    return Split(images=np.ascontiguousarray(images), labels=labels)


def _classes(folder: Path, name: str, key: str) -> tuple[str, ...]:
    meta = _read(folder / name)
    if not isinstance(meta.get(key), list):
        raise DataError(f"{folder / name} does not hold {key}; get the files anew from {HOME}")
    return tuple(str(title) for title in meta[key])


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = _ArraysOnly(file, encoding="latin1").load()
    except FileNotFoundError as error:
        raise DataError(f"{path} is missing; get the files anew from {HOME}") from error
    except (pickle.UnpicklingError, EOFError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise DataError(f"{path} is damaged or no CIFAR file ({error}); get it anew from {HOME}") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} holds a {type(content).__name__}, not CIFAR's dict; get it anew from {HOME}")
    return content


class _ArraysOnly(pickle.Unpickler):
    """An unpickler that loads arrays and plain values and refuses any other class or function."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED and (module, name) != ("_codecs", "encode"):
            raise pickle.UnpicklingError(f"it wants to load {module}.{name}")
        return super().find_class(module, name)

"""Fashion-MNIST (Xiao, Rasul, Vollgraf, 2017): 70,000 grey images of 28x28 pixels in four idx files."""

import gzip
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eeinfer.errors import DataError
from eeinfer.training.data.dataset import Dataset, Split
from eeinfer.training.data.folders import VARIABLE, search_roots

FOLDERS = ("FashionMNIST/raw", "fashion-mnist", ".")  # torchvision's layout, Debian's, the folder itself
CLASSES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
ADVICE = (
    "install Debian's package dataset-fashion-mnist, or download the four files {train,t10k}-{images-idx3,labels-idx1}"
    f"-ubyte.gz from https://github.com/zalandoresearch/fashion-mnist and give their folder as root (or {VARIABLE})"
)
_UNSIGNED_BYTES = 8  # the type code in the third byte of an idx file


def load_fashion_mnist(root: str | Path | None) -> Dataset:
    """Read Fashion-MNIST from torchvision's layout or from a folder of the four idx files, packed or not.

    Raises:
        DataError: the files are missing or damaged.
    """
    folder = _folder(root)
    return Dataset(
        name="fashion-mnist",
        train=_split(folder, "train"),
        test=_split(folder, "t10k"),
        classes=CLASSES,
        channels=1,
        size=(28, 28),
        mean=(0.286,),
        std=(0.353,),
        augment="crop-flip",
    )


def _folder(root: str | Path | None) -> Path:
    roots = search_roots(root)
    for folder in (base / part for base in roots for part in FOLDERS):
        if _file(folder, "train-images-idx3-ubyte") is not None:
            return folder
    raise DataError(f"no Fashion-MNIST in {', '.join(map(str, roots))}: {ADVICE}")


def _split(folder: Path, part: str) -> Split:
    images, labels = _read(folder, f"{part}-images-idx3-ubyte"), _read(folder, f"{part}-labels-idx1-ubyte")
    if images.ndim != 3 or labels.shape != images.shape[:1] or labels.max(initial=0) >= len(CLASSES):
        raise DataError(f"the {part} images {images.shape} and labels {labels.shape} in {folder} do not fit: {ADVICE}")
    return Split(images=images, labels=labels.astype(np.int64))


def _file(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


def _read(folder: Path, name: str) -> NDArray[np.uint8]:
    path = _file(folder, name)
    if path is None:
        raise DataError(f"{folder} lacks {name}(.gz): {ADVICE}")
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} is damaged ({error}): {ADVICE}") from error
    return _parse(content, path)


def _parse(content: bytes, path: Path) -> NDArray[np.uint8]:
    """Read an idx file: two zero bytes, type, number of axes, the sizes as big-endian words, the values."""
    rank = content[3] if len(content) > 3 else 0
    start = 4 + 4 * rank
    shape = tuple(np.frombuffer(content[4:start], ">u4").astype(int)) if len(content) >= start else ()
    values = np.frombuffer(content[start:], np.uint8)
    if content[:3] != bytes((0, 0, _UNSIGNED_BYTES)) or not shape or values.size != np.prod(shape):
        raise DataError(f"{path} is no idx file of bytes, or is cut short: {ADVICE}")
    return values.reshape(shape).copy()

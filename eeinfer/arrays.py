"""Images as they are given to commands: an array, a sequence of single ones, or arrays in a file."""

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.errors import DataError

Array = NDArray[Any]


def take(images: Any, rows: Array) -> Any:
    """Pick some of the images, in the form in which they came."""
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

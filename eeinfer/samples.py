"""The trained bundle and the labelled test images that the package ships, for a first try without training."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eeinfer.errors import BundleError
from eeinfer.manifest import MANIFEST_NAME

_ASSETS = Path(__file__).parent / "assets"
BUNDLE = "fashion.eeb"
IMAGES = "fashion_test.npz"


def bundle_path() -> Path:
    """Return the folder of the shipped bundle.

    Raises:
        BundleError: this installation holds none.
    """
    return _asset(BUNDLE)


def images() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the shipped test images, uint8 [N, H, W], and their labels, int64 [N].

    Raises:
        BundleError: this installation holds none.
    """
    with np.load(_asset(IMAGES), allow_pickle=False) as arrays:
        return arrays["images"].astype(np.uint8, copy=False), arrays["labels"].astype(np.int64, copy=False)


def is_shipped(folder: Path) -> bool:
    """Whether the bundle in ``folder`` is the shipped one or a copy of it."""
    try:
        return (bundle_path() / MANIFEST_NAME).read_bytes() == (folder / MANIFEST_NAME).read_bytes()
    except (BundleError, OSError):
        return False


def _asset(name: str) -> Path:
    path = _ASSETS / name
    if not path.exists():
        raise BundleError(f"this installation ships no {name}; give your own bundle, or make one with: eeinfer demo")
    return path

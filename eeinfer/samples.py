"""The trained bundle and the labelled test images that the package ships, for a first try without training."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import MANIFEST_NAME, ORIGIN
from eeinfer.errors import BundleError

_ASSETS = Path(__file__).parent / "assets"
BUNDLE = "fashion.eeb"
IMAGES = "fashion_test.npz"


def bundle_path() -> Path:
    """Return the folder of the shipped bundle.

    Raises:
        BundleError: this installation holds none.
    """
    return _asset(BUNDLE)


def is_bundle_path(path: Path) -> bool:
    """Whether ``path`` is that of the shipped bundle itself, not of a copy."""
    return path == _ASSETS / BUNDLE


def images() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the shipped test images, uint8 [N, H, W], and their labels, int64 [N].

    Raises:
        BundleError: this installation holds none.
    """
    with np.load(_asset(IMAGES), allow_pickle=False) as arrays:
        return arrays["images"].astype(np.uint8, copy=False), arrays["labels"].astype(np.int64, copy=False)


def is_shipped(bundle: Bundle) -> bool:
    """Whether ``bundle`` is the shipped one, a copy of it, or made from it in another precision."""
    try:
        shipped = (bundle_path() / MANIFEST_NAME).read_bytes()
        own = bundle.file(MANIFEST_NAME).read_bytes()
    except (BundleError, OSError):
        return False
    return own == shipped or bundle.manifest.provenance.get(ORIGIN) == hashlib.sha256(shipped).hexdigest()


def _asset(name: str) -> Path:
    path = _ASSETS / name
    if not path.exists():
        raise BundleError(f"this installation ships no {name}; give your own bundle, or make one with: eeinfer demo")
    return path

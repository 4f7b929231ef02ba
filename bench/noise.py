"""Rows that say nothing, where no images were given."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.bundle.manifest import TensorSpec

_FAINT, _STRONG = 0.03, 3.0


def noise(
    spec: TensorSpec, rows: int, seed: int, *, mixed: bool = False, sizes: tuple[int, ...] | None = None
) -> NDArray[Any]:
    """Return [rows, *sizes] of the tensor's dtype.

    Args:
        spec: of the tensor.
        rows: how many.
        seed: of the draw.
        mixed: from faint to strong, so that scores differ.
        sizes: of a row; None: the tensor's own.

    Raises:
        BundleError: the tensor has a dynamic axis, and no sizes are given.
    """
    drawn = np.random.default_rng(seed).standard_normal((rows, *(spec.sizes() if sizes is None else sizes)))
    if mixed:
        drawn *= np.geomspace(_FAINT, _STRONG, rows).reshape(-1, *[1] * len(spec.shape))
    if not spec.dtype.startswith("float"):
        drawn = np.abs(drawn)  # indices, which count from 0
    return drawn.astype(spec.dtype)

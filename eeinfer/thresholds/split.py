"""Two halves of a data set: what is chosen on one is judged on the other."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.errors import InputError

Array = NDArray[Any]


def halves(count: int, seed: int) -> tuple[Array, Array]:
    """Split the positions of ``count`` images at random: to fit thresholds on, and to report on; each ascending.

    Raises:
        InputError: there is one image, or none.
    """
    if count < 2:
        raise InputError(f"there are {count} images; to fit thresholds on one half and report on the other takes two")
    shuffled = np.random.default_rng(seed).permutation(count)
    return np.sort(shuffled[: count // 2]), np.sort(shuffled[count // 2 :])

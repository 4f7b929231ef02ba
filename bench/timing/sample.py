"""Which test images are timed: a random sample that has the data set's own mix of easy and hard.

Latency follows the exit mix, and a hundred images drawn blindly miss it by several points. The rows are therefore
put in the order of what they cost over all thresholds, and every (N / size)-th is taken from a random start:
systematic sampling, in which each row is equally likely and the exit shares of the sample follow the data set's.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def systematic_sample(cost: Array, size: int, seed: int) -> Array:
    """Return ``size`` different rows, in random order.

    Args:
        cost: [N], one number per row to spread the sample over; equal costs are ordered at random.
        size: at most N.
        seed: same seed, same sample.
    """
    draw = np.random.default_rng(seed)
    shuffled = draw.permutation(len(cost))
    ordered = shuffled[np.argsort(cost[shuffled], kind="stable")]
    picks = np.floor((np.arange(size) + draw.random()) * len(cost) / size).astype(np.int64)
    return np.asarray(draw.permutation(ordered[picks]))

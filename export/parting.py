"""Thresholds at which some rows leave and some stay: what a comparison of cascades is worth something at."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def parting_taus(scores: NDArray[Any]) -> NDArray[np.float32]:
    """Return one threshold per exit [E], each in the widest gap between the scores of the rows that are still in.

    Args:
        scores: [N, E]; rows that are not finite are left out. The last exit's threshold, and one that cannot part any
            rows, is 1.
    """
    exits = scores.shape[1]
    parting, left = np.ones(exits, np.float32), np.isfinite(scores).all(1)
    for k in range(exits - 1):
        parting[k] = widest_gap(scores[left, k])
        left &= scores[:, k] <= parting[k]
    return parting


def widest_gap(scores: NDArray[Any]) -> float:
    """Return the middle of the widest gap between scores [N], the outer quarters left out; 1 where there is none."""
    values = np.unique(scores.astype(np.float64))
    quarter = (len(values) - 1) // 4
    values = values[quarter : len(values) - quarter]
    if len(values) < 2:
        return 1.0
    widest = int(np.diff(values).argmax())
    return float(np.clip(values[widest : widest + 2].mean(), 0, 1))

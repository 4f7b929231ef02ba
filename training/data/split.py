"""Setting images aside for validation."""

import numpy as np
from numpy.typing import NDArray

from eeinfer.training.seeds import generator

Indices = NDArray[np.int64]


def stratified(labels: NDArray[np.int64], share: float, *, seed: int) -> tuple[Indices, Indices]:
    """Split the row numbers of `labels` [N] into (rest, share), each class in the same proportion, both ascending.

    A share above 0 takes at least one image of every class that has two or more.
    """
    random = generator(seed, "split")
    taken = []
    for label in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == label))
        count = round(len(rows) * share)
        taken.append(rows[: max(count, 1) if share > 0 and len(rows) > 1 else 0])
    chosen = np.sort(np.concatenate(taken)).astype(np.int64)
    return np.setdiff1d(np.arange(len(labels)), chosen).astype(np.int64), chosen

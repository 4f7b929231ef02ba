"""Which training images a run sees, and which of them it sets aside for validation."""

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


def limited(labels: NDArray[np.int64], count: int | None, *, seed: int) -> Indices:
    """Draw at most `count` of the rows of `labels` [N], each class in the same proportion; ascending. None takes all.

    Where the proportions give fractions, the classes with the largest ones get the images that are left. A larger
    `count` of the same seed keeps, of each class, what a smaller one drew.
    """
    if count is None or count >= len(labels):
        return np.arange(len(labels))
    random = generator(seed, "limit")
    classes, sizes = np.unique(labels, return_counts=True)
    wanted = sizes * count / len(labels)
    taken = np.floor(wanted).astype(np.int64)
    taken[np.argsort(taken - wanted, kind="stable")[: count - taken.sum()]] += 1
    drawn = [random.permutation(np.flatnonzero(labels == label)) for label in classes]
    return np.sort(np.concatenate([rows[:number] for rows, number in zip(drawn, taken, strict=True)])).astype(np.int64)

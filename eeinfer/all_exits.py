"""Every exit's answer to every image, as if nobody had left."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.answers import warn_non_finite
from eeinfer.backends.base import Backend
from eeinfer.bundle.manifest import Manifest
from eeinfer.preprocess import finite_rows
from eeinfer.result import AllExits

_ROWS = 64  # at a time: bounds the memory of the activations


def all_exits(backend: Backend, manifest: Manifest, images: NDArray[Any]) -> AllExits:
    """Run every segment for every row of prepared images [B, *shape]; warns of rows without an answer."""
    shape = len(images), len(manifest.segments)
    answers = AllExits(
        scores=np.full(shape, np.nan, np.float32),
        predictions=np.full(shape, -1, np.int64),
        logits=np.full((*shape, len(manifest.classes)), np.nan, np.float32),
    )
    rows = np.flatnonzero(finite_rows(images))
    for at in range(0, len(rows), _ROWS):
        _fill(answers, backend, images, rows[at : at + _ROWS])
    answers.predictions[~np.isfinite(answers.scores)] = -1
    valid = np.isfinite(answers.scores[:, -1])
    if not valid.all():
        warn_non_finite(valid, stacklevel=3)
    return answers


def _fill(answers: AllExits, backend: Backend, images: NDArray[Any], rows: NDArray[np.int64]) -> None:
    live = backend.start(images[rows])
    try:
        for k in range(answers.scores.shape[1]):
            exit = backend.run(k, live)
            answers.logits[rows, k], answers.scores[rows, k], answers.predictions[rows, k] = exit
    finally:
        backend.release(live)

"""Every exit's answer to every image: one pass over the test set, from which each threshold follows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import take
from eeinfer.engine import Engine
from eeinfer.progress import Progress

Array = NDArray[Any]

_CHUNK = 64  # images at a time: bounds the memory of a test set that is larger than it


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """N images, E exits."""

    scores: Array  # [N, E] float32
    predictions: Array  # [N, E] int64, -1 where a score is not finite
    labels: Array  # [N]

    def part(self, rows: Array) -> "Outputs":
        """Pick images by their positions."""
        return Outputs(scores=self.scores[rows], predictions=self.predictions[rows], labels=self.labels[rows])


def all_outputs(engine: Engine, images: Any, labels: Array, rows: Array, progress: Progress) -> Outputs:
    """Run all exits for ``rows`` of ``images`` and ``labels``."""
    scores, predictions = [], []
    for start in range(0, len(rows), _CHUNK):
        progress("all exits of every image", start, len(rows))
        answers = engine.all_exits(take(images, rows[start : start + _CHUNK]))
        scores.append(answers.scores)
        predictions.append(answers.predictions)
    progress("all exits of every image", len(rows), len(rows))
    return Outputs(scores=np.concatenate(scores), predictions=np.concatenate(predictions), labels=labels[rows])

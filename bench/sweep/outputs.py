"""Every exit's answer to every image: one pass over the test set, from which each threshold follows."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import take
from eeinfer.backends.ort.sessions import open_session
from eeinfer.bench.timing.networks import STATIC, has_no_heads, write_parts
from eeinfer.engine import Engine
from eeinfer.machine.cores import physical_cores
from eeinfer.machine.leftovers import temporary_folder
from eeinfer.preprocess import prepare_inputs
from eeinfer.progress import Progress

Array = NDArray[Any]

_CHUNK = 64  # images at a time: bounds the memory of a test set that is larger than it


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """N images, E exits."""

    scores: Array  # [N, E] float32
    predictions: Array  # [N, E] int64, -1 where a score is not finite
    static: Array  # [N] int64, predictions of the static network
    labels: Array  # [N]

    def part(self, rows: Array) -> "Outputs":
        """Pick images by their positions."""
        return Outputs(
            scores=self.scores[rows],
            predictions=self.predictions[rows],
            static=self.static[rows],
            labels=self.labels[rows],
        )


def all_outputs(engine: Engine, images: Any, labels: Array, rows: Array, progress: Progress) -> Outputs:
    """Run all exits for ``rows`` of ``images`` and ``labels``."""
    scores, predictions = [], []
    for start in range(0, len(rows), _CHUNK):
        progress("all exits of every image", start, len(rows))
        answers = engine.all_exits(take(images, rows[start : start + _CHUNK]))
        scores.append(answers.scores)
        predictions.append(answers.predictions)
    progress("all exits of every image", len(rows), len(rows))
    found = np.concatenate(predictions)
    static = _static_predictions(engine, images, rows, progress) if has_no_heads(engine.bundle) else found[:, -1]
    return Outputs(scores=np.concatenate(scores), predictions=found, static=static, labels=labels[rows])


def _static_predictions(engine: Engine, images: Any, rows: Array, progress: Progress) -> Array:
    """Run the network without early exits on the processor, -1 where its score is not finite."""
    manifest, predictions = engine.manifest, []
    last = len(manifest.segments) - 1
    with temporary_folder("eeinfer-networks") as folder:
        [path] = write_parts(engine.bundle, {STATIC: [last]}, folder)
        session, _ = open_session(path, threads=physical_cores())
    for start in range(0, len(rows), _CHUNK):
        progress("the static network on every image", start, len(rows))
        batch = prepare_inputs(take(images, rows[start : start + _CHUNK]), manifest)
        score, prediction = session.run([f"score_{last:02d}", f"prediction_{last:02d}"], batch)
        predictions.append(np.where(np.isfinite(score), prediction, -1))
    progress("the static network on every image", len(rows), len(rows))
    return np.concatenate(predictions)

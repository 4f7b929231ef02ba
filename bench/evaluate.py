"""What a bundle answers on labelled images, exit by exit and as a cascade: nothing is timed.

N images, E exits, K classes. Accuracies and shares are in [0, 1], FLOPs are multiply-adds for one image.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import count_rows, take
from eeinfer.bench.data import check_data
from eeinfer.bench.reporting.records import Record
from eeinfer.bench.thresholds.images import data_digest
from eeinfer.engine import Engine
from eeinfer.progress import Progress, silent
from eeinfer.rule import exits_at
from eeinfer.thresholds.binomial import share_interval

Array = NDArray[Any]

_CHUNK = 64  # images at a time: bounds the memory of a test set that is larger than it


class Exit(Record, frozen=True, kw_only=True):
    """One exit, asked about every image, and what happens there in the cascade."""

    module: str
    accuracy: float  # had it answered every image
    interval: tuple[float, float]  # 95 %, exact
    tau: float
    left: int  # images that the cascade answers here
    left_accuracy: float | None  # of these; None where there are none
    flops: int  # of leaving here


class Evaluation(Record, frozen=True, kw_only=True):
    """The answers to one set of images."""

    bundle: str  # name
    path: str
    data: str
    images: int
    seen: bool  # whether these images chose the bundle's thresholds
    classes: tuple[str, ...]
    exits: tuple[Exit, ...]
    accuracy: float  # of the cascade
    interval: tuple[float, float]  # 95 %, exact
    flops: float  # mean per image
    unanswered: int  # images with a score that is not finite
    confusion: tuple[tuple[int, ...], ...]  # [K, K]: images of the class of the row, answered with that of the column


def evaluate(engine: Engine, images: Any, labels: Any, progress: Progress = silent, *, data: str = "") -> Evaluation:
    """Run every exit on every image, and count what the engine's own thresholds make of that.

    Args:
        engine: with the thresholds to look at.
        images: as `eeinfer.bench.measure`.
        labels: [N] class indices.
        progress: told of every batch.
        data: what the images are called.

    Raises:
        DataError: labels that do not fit.
        InputError: images that the bundle does not take.
    """
    manifest, known = engine.manifest, check_data(images, labels, len(engine.manifest.classes))
    scores, predictions = _every_exit(engine, images, progress)
    left = exits_at(scores, engine.tau)
    answers = predictions[np.arange(len(known)), left]
    costs = np.array([segment.cumulative_flops for segment in manifest.segments])
    right = answers == known
    return Evaluation(
        bundle=manifest.name,
        path=str(engine.bundle.path),
        data=data,
        images=len(known),
        seen=_chose_thresholds(engine, images, known),
        classes=manifest.classes,
        exits=tuple(_exit(engine, k, predictions[:, k] == known, right[left == k]) for k in range(len(costs))),
        accuracy=float(right.mean()),
        interval=share_interval(int(right.sum()), len(known)),
        flops=float(costs[left].mean()),
        unanswered=int((answers < 0).sum()),
        confusion=_confusion(known, answers, len(manifest.classes)),
    )


def confused(found: Evaluation, most: int) -> list[tuple[str, str, int]]:
    """Return the class, what it is taken for and how often, the commonest mistakes first."""
    pairs = [
        (name, other, found.confusion[row][column])
        for row, name in enumerate(found.classes)
        for column, other in enumerate(found.classes)
        if row != column and found.confusion[row][column]
    ]
    return sorted(pairs, key=lambda pair: -pair[2])[:most]


def _every_exit(engine: Engine, images: Any, progress: Progress) -> tuple[Array, Array]:
    """Scores [N, E] and predictions [N, E]."""
    scores, predictions, count = [], [], count_rows(images)
    for start in range(0, count, _CHUNK):
        progress("all exits of every image", start, count)
        answers = engine.all_exits(take(images, np.arange(start, min(start + _CHUNK, count))))
        scores.append(answers.scores)
        predictions.append(answers.predictions)
    progress("all exits of every image", count, count)
    return np.concatenate(scores), np.concatenate(predictions)


def _exit(engine: Engine, k: int, right: Array, right_here: Array) -> Exit:
    segment = engine.manifest.segments[k]
    return Exit(
        module=segment.module,
        accuracy=float(right.mean()),
        interval=share_interval(int(right.sum()), len(right)),
        tau=engine.tau[k],
        left=len(right_here),
        left_accuracy=float(right_here.mean()) if len(right_here) else None,
        flops=segment.cumulative_flops,
    )


def _chose_thresholds(engine: Engine, images: Any, labels: Array) -> bool:
    certificate = engine.certificate
    if certificate is None or certificate.rows != len(labels):
        return False
    every = np.arange(len(labels))
    return certificate.data_sha256 in (data_digest(images, every, one, engine.manifest) for one in (labels, None))


def _confusion(labels: Array, answers: Array, classes: int) -> tuple[tuple[int, ...], ...]:
    counts = np.zeros((classes, classes), np.int64)
    answered = answers >= 0
    np.add.at(counts, (labels[answered], answers[answered]), 1)
    return tuple(tuple(map(int, row)) for row in counts)

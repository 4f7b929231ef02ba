"""What each bundle answers, before any time is taken. N images, E exits."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import count_rows, take
from eeinfer.bench.data import check_data
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import InputError
from eeinfer.loading import load
from eeinfer.preprocess import prepare_inputs
from eeinfer.progress import Progress
from eeinfer.rule import exits_at

Array = NDArray[Any]

_CHUNK = 64  # images at a time


@dataclass(frozen=True, kw_only=True)
class Answers:
    """One bundle's answers to all images."""

    bundle: Bundle
    taus: tuple[float, ...]  # its own
    scores: Array  # [N, E]
    predictions: Array  # [N, E]
    labels: Array  # [N]
    timed: Array  # [n, ...] prepared images that are timed

    def at(self, taus: tuple[float, ...]) -> tuple[Array, Array]:
        """Return where each image leaves and what it is answered, [N] each."""
        left = exits_at(self.scores, taus)
        return left, self.predictions[np.arange(len(left)), left]

    @property
    def right(self) -> Array:
        """Return whether each image [N] is answered right at its own thresholds."""
        return np.equal(self.at(self.taus)[1], self.labels)


def answers_of(path: Path, images: Any, labels: Array, timed: Array, threads: int | None, tell: Progress) -> Answers:
    """Run every exit of a bundle on every image.

    Args:
        path: the bundle.
        images: as an engine takes them.
        labels: [N] class numbers of this bundle.
        timed: positions of the images to be timed.
        threads: per session.
        tell: told of every batch.

    Raises:
        InputError: the bundle reads several inputs, or not such images.
        DataError: labels that it does not know.
    """
    with load(path, threads=threads) as engine:
        known = check_data(images, labels, len(engine.manifest.classes))
        if len(engine.manifest.inputs) > 1:
            raise InputError(f"{path} reads several inputs, and compare gives images; measure it with eeinfer bench")
        scores, predictions, count = [], [], count_rows(images)
        for start in range(0, count, _CHUNK):
            tell(f"every exit of {path.name}", start, count)
            found = engine.all_exits(take(images, np.arange(start, min(start + _CHUNK, count))))
            scores.append(found.scores)
            predictions.append(found.predictions)
        tell(f"every exit of {path.name}", count, count)
        prepared = prepare_inputs(take(images, timed), engine.manifest)
        return Answers(
            bundle=engine.bundle,
            taus=engine.tau,
            scores=np.concatenate(scores),
            predictions=np.concatenate(predictions),
            labels=known,
            timed=next(iter(prepared.values())),
        )


def group_of(bundle: Bundle) -> str:
    """Return what bundles have in common that were trained alike but for the seed; the fingerprint where none says."""
    config = bundle.manifest.provenance.get("config")
    if not isinstance(config, dict):
        return bundle.fingerprint
    alike = {name: value for name, value in config.items() if name not in ("seed", "device", "threads")}
    return json.dumps([alike, bundle.manifest.precision], sort_keys=True)

"""Populations of rows whose risk is known at every threshold, to see whether promises about them are kept.

A population is a large table; rows are drawn from it with replacement, so its mean is the risk. N rows, E exits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_CLASSES = 10
_ROWS = 20_000


@dataclass(frozen=True, kw_only=True)
class Population:
    """Every exit's answer to every row there is."""

    scores: Array  # [N, E] float32
    predictions: Array  # [N, E]
    labels: Array  # [N]

    def draw(self, count: int, random: np.random.Generator) -> "Population":
        """Draw rows with replacement."""
        rows = random.integers(0, len(self.labels), count)
        return Population(scores=self.scores[rows], predictions=self.predictions[rows], labels=self.labels[rows])


def smooth(seed: int = 0, rows: int = _ROWS) -> Population:
    """Three exits, each better than the one before; what an exit is surer of it is right about more often."""
    random = np.random.default_rng(seed)
    difficulty = random.normal(size=rows)
    right, scores = [], []
    for k in range(3):
        skill = 2.2 + k - 2 * difficulty
        right.append(random.random(rows) < _sigmoid(skill))
        scores.append(_sigmoid(skill + 0.7 * random.normal(size=rows)))
    return _population(random, np.stack(right, axis=1), np.stack(scores, axis=1))


def bumpy(seed: int = 0, rows: int = _ROWS) -> Population:
    """Two exits, of which the first is wrong about what it is surest of: the loss rises, falls and rises again."""
    random = np.random.default_rng(seed)
    first = random.random(rows)
    early = np.select([first > 0.9, first > 0.5], [0.55, 0.98], 0.4)
    late = np.select([first > 0.9, first > 0.5], [0.95, 0.85], 0.9)
    right = np.stack([random.random(rows) < early, random.random(rows) < late], axis=1)
    return _population(random, right, np.stack([first, random.random(rows)], axis=1))


def tied(seed: int = 0, rows: int = _ROWS) -> Population:
    """The smooth one with scores in eighths, as run lengths are: most rows share their score with many others."""
    found = smooth(seed, rows)
    scores = (np.round(found.scores * 8) / 8).astype(np.float32)
    return Population(scores=scores, predictions=found.predictions, labels=found.labels)


POPULATIONS: dict[str, Callable[..., Population]] = {"smooth": smooth, "bumpy": bumpy, "tied": tied}


def _population(random: np.random.Generator, right: Array, scores: Array) -> Population:
    labels = random.integers(0, _CLASSES, len(right))
    other = (labels[:, np.newaxis] + random.integers(1, _CLASSES, right.shape)) % _CLASSES
    predictions = np.where(right, labels[:, np.newaxis], other)
    return Population(scores=scores.astype(np.float32), predictions=predictions, labels=labels)


def _sigmoid(values: Any) -> Any:
    return 1 / (1 + np.exp(-values))

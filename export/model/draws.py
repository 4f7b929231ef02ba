"""Inputs to try a model on: random ones of the kind that it reads, and the caller's own.

Floating-point inputs are drawn from a normal distribution. Whole numbers are drawn from the rows of the tables that
they choose from (embeddings), else from the range of the example. Masks are ones, then zeros, as padding makes them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from eeinfer.errors import ExportError
from eeinfer.export.model.inputs import Inputs

SIZES = (1, 2, 7)
ODD_SIZES = (11, 19)  # that nobody thinks of who writes a model
RANDOM, REAL = "random", "real"

Array = NDArray[Any]
Batch = dict[str, Array]  # input -> [B, ...]


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Where the inputs of a comparison come from."""

    inputs: Inputs
    real: Batch | None = None  # the caller's own [N, ...]
    random: bool = True
    tables: Mapping[str, int] = field(default_factory=dict)  # input -> rows of the smallest table that it chooses from
    seed: int = 0

    def __post_init__(self) -> None:
        if self.real is None and not self.random:
            raise ExportError("random_inputs=False leaves nothing to compare on; give real_inputs")

    def within(self, tables: Mapping[str, int]) -> "Draws":
        """Return the same draws, whose whole numbers choose from rows of these tables."""
        return replace(self, tables=tables)

    @property
    def sources(self) -> tuple[str, ...]:
        """Which there are, in the words of the parity report."""
        return (*((RANDOM,) if self.random else ()), *(() if self.real is None else (REAL,)))

    def batches(self) -> Iterator[tuple[str, Batch]]:
        """Yield batches of all sizes from all sources, the same ones every time."""
        rng = np.random.default_rng(self.seed)
        for sizes in (SIZES, ODD_SIZES):
            for source in self.sources:
                for size in sizes:
                    yield source, self._random(rng, size) if source == RANDOM else self._chosen(rng, size)

    def _random(self, rng: np.random.Generator, size: int) -> Batch:
        lengths = _lengths(self.inputs, size)
        return {
            name: _draw(rng, name, (size, *self.inputs.shape(name, lengths)), example, self.tables.get(name))
            for name, example in self.inputs.example.items()
        }

    def _chosen(self, rng: np.random.Generator, size: int) -> Batch:
        assert self.real is not None
        number = len(next(iter(self.real.values())))
        rows = rng.choice(number, size=min(size, number), replace=False)
        return {name: np.ascontiguousarray(array[rows]) for name, array in self.real.items()}


def _lengths(inputs: Inputs, size: int) -> dict[str, int]:
    """The longest for one row, the shortest for two, then those of the example and one in between."""
    found = {}
    for axis, own in inputs.lengths().items():
        low, high = inputs.axes[axis]
        found[axis] = {1: high, 2: low, ODD_SIZES[0]: (low + own) // 2}.get(size, own)
    return found


def _draw(rng: np.random.Generator, name: str, shape: Sequence[int], example: torch.Tensor, table: int | None) -> Array:
    dtype = np.dtype(str(example.dtype).removeprefix("torch."))
    if table is None and _is_mask(name, example):
        return _mask(rng, shape).astype(dtype)
    if example.is_floating_point():
        return rng.standard_normal(shape, dtype=np.float32)
    low, high = (0, table - 1) if table is not None else (int(example.min()), int(example.max()))
    return rng.integers(low, high, size=shape, endpoint=True).astype(dtype)


def _is_mask(name: str, example: torch.Tensor) -> bool:
    """Truth values; also zeros and ones, if they are called a mask or are whole numbers that differ."""
    values = set(np.unique(example.numpy()).tolist()[:3])
    called = "mask" in name.lower() and values <= {0, 1}
    return example.dtype == torch.bool or called or (not example.is_floating_point() and values == {0, 1})


def _mask(rng: np.random.Generator, shape: Sequence[int]) -> Array:
    """Ones up to some place of the last axis, at least one, then zeros: a row without any would have no meaning."""
    if len(shape) == 1:
        return rng.integers(0, 2, size=shape)
    ends = rng.integers(1, shape[-1], size=(*shape[:-1], 1), endpoint=True)
    return np.arange(shape[-1]) < ends

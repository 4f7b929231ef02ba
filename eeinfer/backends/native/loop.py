"""The twin of ``eeinfer.steps``: the same loop, in C++."""

import ctypes
import math
from collections.abc import Iterator
from ctypes import c_float, c_void_p
from functools import lru_cache
from time import perf_counter

import numpy as np

from eeinfer.backends.base import Exit, Inputs, Lane, Opened
from eeinfer.backends.loop import Step, all_the_way
from eeinfer.backends.native.binding import StepMade
from eeinfer.backends.native.lane import NativeLane
from eeinfer.backends.native.memory import Given, view
from eeinfer.backends.native.open_bundle import OpenBundle

_KNOWN_LIMITS = 1024


class NativeBatch:
    """Rows on their way, in the library; ``len`` counts those that are still in."""

    def __init__(self, opened: OpenBundle, handle: c_void_p, k: int, left: int, inputs: Inputs | None) -> None:
        self._opened, self.handle, self.k, self.left = opened, handle, k, left
        self._inputs = inputs  # read in place
        self.made = StepMade(size=ctypes.sizeof(StepMade))

    def __len__(self) -> int:
        return self.left

    def taken(self) -> c_void_p:
        """Give the handle away, with the duty to end it."""
        handle, self.handle = self.handle, c_void_p()
        self._inputs, self.left = None, 0
        return handle

    def __del__(self) -> None:
        if self.handle:  # nobody ended it
            self._opened.call.batch_end(self.handle)


class NativeLoop:
    """Takes rows from segment to segment in the library. Implements ``eeinfer.backends.loop.Loop``."""

    def __init__(self, backend: Opened, opened: OpenBundle) -> None:
        self.backend, self._opened, self._call = backend, opened, opened.call
        self._classes, exits = len(opened.manifest.classes), len(opened.manifest.segments)
        self.never = (math.inf,) * exits
        array = c_float * exits
        self._limits = lru_cache(_KNOWN_LIMITS)(lambda taus: array(*taus))

    def run(
        self, inputs: Inputs, rows: list[int], taus: tuple[float, ...], deadline: float = math.inf
    ) -> Iterator[Step]:
        return all_the_way(self, inputs, rows, taus, deadline)

    def start(
        self, inputs: Inputs, rows: list[int], taus: tuple[float, ...], deadline: float = math.inf
    ) -> NativeBatch:
        given, numbers, handle = Given(self._opened.manifest), np.array(rows, np.int64), c_void_p()
        given.point(inputs)
        left = deadline if deadline == math.inf else deadline - perf_counter()
        self._call.check(
            self._call.batch_start(
                self._opened.handle,
                given.tensors,
                given.count,
                numbers.ctypes.data,
                self._limits(taus),
                left,
                ctypes.byref(handle),
            )
        )
        return NativeBatch(self._opened, handle, 0, len(rows), inputs)

    def step(self, batch: NativeBatch) -> Step:
        made = batch.made
        self._call.check(self._call.batch_step(batch.handle, ctypes.byref(made)))
        count, leaving = made.computed, made.leaving
        exit = Exit(
            view(made.logits, np.float32, count, self._classes),
            view(made.score, np.float32, count),
            view(made.prediction, np.int64, count),
        )
        batch.k, batch.left = made.k + 1, made.left
        return Step(
            made.k,
            exit,
            view(made.leaves, np.int64, leaving).tolist(),
            view(made.rows, np.int64, leaving).tolist(),
            view(made.near_tau, np.bool_, leaving).tolist(),
        )

    def leave(self, batch: NativeBatch) -> None:
        self._call.check(self._call.batch_leave(batch.handle))

    def join(self, one: NativeBatch, other: NativeBatch) -> NativeBatch:
        handle, left = c_void_p(), len(one) + len(other)
        self._call.check(self._call.batch_join(one.handle, other.handle, ctypes.byref(handle)))
        one.taken()
        other.taken()
        return NativeBatch(self._opened, handle, one.k, left, None)

    def end(self, batch: NativeBatch) -> None:
        self._call.batch_end(batch.taken())

    def one(
        self, lane: NativeLane, inputs: Inputs, taus: tuple[float, ...], deadline: float = math.inf
    ) -> tuple[int, float, bool]:
        left = deadline if deadline == math.inf else deadline - perf_counter()
        return lane.answer(inputs, self._limits(taus), left)

    def alone(self, lane: Lane) -> Iterator[tuple[int, float]]:
        for k in range(len(self.never)):
            yield k, lane.run(k)

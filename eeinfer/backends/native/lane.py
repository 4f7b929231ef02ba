"""One row's way through the cascade in the compiled library."""

import ctypes
import weakref
from collections.abc import Callable
from ctypes import c_float, c_int32, c_uint8, c_void_p
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import is_finite
from eeinfer.backends.base import Exit, Inputs
from eeinfer.backends.native.memory import Given, view
from eeinfer.backends.native.open_bundle import OpenBundle
from eeinfer.bundle.manifest import Input


class NativeLane:
    """Buffers of the library that take one row through the cascade. Implements ``eeinfer.backends.base.Lane``."""

    run_on_device: Callable[..., int] | None = None  # the library runs the loop, but on the host

    def __init__(self, opened: OpenBundle) -> None:
        self._call, handle = opened.call, c_void_p()
        self._call.check(self._call.lane_new(opened.handle, ctypes.byref(handle)))
        # Freed before the bundle, to which this holds on; also where Python ends.
        weakref.finalize(self, _free, opened, handle.value)
        self._handle = handle
        self._given = Given(opened.manifest) if opened.manifest.axes else None
        self._inputs = [] if self._given else [*map(self._input, count(), opened.manifest.inputs)]
        self.exits = tuple(self._exit(k, len(opened.manifest.classes)) for k in range(len(opened.manifest.segments)))
        self._answer = opened.call.lane_answer
        self._k, self._score, self._near = c_int32(), c_float(), c_uint8()
        self._found = ctypes.byref(self._k), ctypes.byref(self._score), ctypes.byref(self._near)

    def load(self, inputs: Inputs) -> bool:
        self._take(inputs)
        return is_finite(inputs)

    def answer(self, inputs: Inputs, limits: Any, seconds_left: float) -> tuple[int, float, bool]:
        """Take a row to where it leaves, by which score, and whether a decision was near its limit; -1: not finite."""
        self._take(inputs)
        if status := self._answer(self._handle, limits, seconds_left, *self._found):
            self._call.check(status)
        return self._k.value, self._score.value, self._near.value != 0

    def _take(self, inputs: Inputs) -> None:
        for name, memory in self._inputs:
            memory[...] = inputs[name]  # quicker than telling the library where the array is
        if self._given is not None:
            self._given.point(inputs)
            self._call.check(self._call.lane_load(self._handle, self._given.tensors, self._given.count))

    def run(self, segment: int) -> float:
        if status := self._call.lane_step(self._handle, segment, self._found[1]):
            self._call.check(status)
        return self._score.value

    def _input(self, i: int, input: Input) -> tuple[str, NDArray[Any]]:
        place, spec = c_void_p(), input.tensor
        self._call.check(self._call.lane_input(self._handle, i, ctypes.byref(place)))
        return spec.name, view(place.value, np.dtype(spec.dtype).type, 1, *spec.sizes())

    def _exit(self, k: int, classes: int) -> Exit:
        places = logits, score, prediction = c_void_p(), c_void_p(), c_void_p()
        self._call.check(self._call.lane_exit(self._handle, k, *map(ctypes.byref, places)))
        return Exit(
            view(logits.value, np.float32, 1, classes),
            view(score.value, np.float32, 1),
            view(prediction.value, np.int64, 1),
        )


def _free(opened: OpenBundle, handle: int | None) -> None:
    opened.call.lane_free(handle)

"""One row's way through the cascade in the compiled library."""

import ctypes
import weakref
from collections.abc import Callable
from ctypes import c_float, c_int32, c_uint8, c_void_p

import numpy as np

from eeinfer.backends.base import Exit, Inputs
from eeinfer.backends.native.memory import Given, view
from eeinfer.backends.native.open_bundle import OpenBundle


class NativeLane:
    """Buffers of the library that take one row through the cascade. Implements ``eeinfer.backends.base.Lane``."""

    run_on_device: Callable[..., int] | None = None  # the library runs the loop, but on the host

    def __init__(self, opened: OpenBundle) -> None:
        self._call, handle = opened.call, c_void_p()
        self._call.check(self._call.lane_new(opened.handle, ctypes.byref(handle)))
        # Freed before the bundle, to which this holds on; also where Python ends.
        weakref.finalize(self, _free, opened, handle.value)
        self.handle, self._given = handle, Given(opened.manifest)
        self.exits = tuple(self._exit(k, len(opened.manifest.classes)) for k in range(len(opened.manifest.segments)))
        self.k, self.score, self.near = c_int32(), c_float(), c_uint8()
        self.found = ctypes.byref(self.k), ctypes.byref(self.score), ctypes.byref(self.near)

    def load(self, inputs: Inputs) -> None:
        given = self._given
        given.point(inputs)
        if status := self._call.lane_load(self.handle, given.tensors, given.count):
            self._call.check(status)

    def run(self, segment: int) -> float:
        if status := self._call.lane_step(self.handle, segment, self.found[1]):
            self._call.check(status)
        return self.score.value

    def _exit(self, k: int, classes: int) -> Exit:
        places = logits, score, prediction = c_void_p(), c_void_p(), c_void_p()
        self._call.check(self._call.lane_exit(self.handle, k, *map(ctypes.byref, places)))
        return Exit(
            view(logits.value, np.float32, 1, classes),
            view(score.value, np.float32, 1),
            view(prediction.value, np.int64, 1),
        )


def _free(opened: OpenBundle, handle: int | None) -> None:
    opened.call.lane_free(handle)

"""Memory of our own for what segments read and write: made once, seen in the shapes that a batch needs."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from eeinfer.backends.base import Inputs
from eeinfer.bundle.manifest import Manifest, TensorSpec

_CACHE_LINE_BYTES = 64

Lengths = Mapping[str, int]  # how long each dynamic axis is, by its name


class Memory:
    """Room for ``rows`` rows of some tensors. It grows with the lengths of dynamic axes and never shrinks."""

    def __init__(self, specs: Iterable[TensorSpec], rows: int) -> None:
        """Make room for tensors; one that shares memory comes behind the tensor that it shares it with."""
        self._specs, self._rows = tuple(specs), rows
        self._flat: dict[str, NDArray[np.uint8]] = {}

    @property
    def bytes(self) -> int:
        """How large it is."""
        return sum(memory.nbytes for memory in self._flat.values())

    def grow(self, lengths: Lengths) -> bool:
        """Make room for axes as long as ``lengths``; True where a tensor has moved and what was bound is void."""
        moved = False
        for spec in self._specs:
            size = self._rows * np.dtype(spec.dtype).itemsize * int(np.prod(spec.sizes(lengths)))
            if spec.shares is None and (spec.name not in self._flat or self._flat[spec.name].nbytes < size):
                self._flat[spec.name] = aligned(size)
                moved = True
        return moved

    def tensors(self, lengths: Lengths) -> dict[str, NDArray[np.generic]]:
        """Return every tensor [rows, *shape] by name; there is room for ``lengths``."""
        made = {}
        for spec in self._specs:
            dtype, shape = np.dtype(spec.dtype), (self._rows, *spec.sizes(lengths))
            flat = self._flat[spec.shares or spec.name]
            made[spec.name] = flat[: dtype.itemsize * int(np.prod(shape))].view(dtype).reshape(shape)
        return made


class DynamicAxes:
    """Where in the inputs of a bundle stands how long its dynamic axes are."""

    def __init__(self, manifest: Manifest) -> None:
        self._places = [
            (axis, input.tensor.name, number)
            for input in manifest.inputs
            for number, axis in enumerate(input.tensor.shape, start=1)
            if isinstance(axis, str)
        ]
        self.shortest = {name: axis.min for name, axis in manifest.axes.items()}

    def lengths(self, inputs: Inputs) -> dict[str, int]:
        """Return how long the axes of prepared inputs are; empty where all sizes are fixed."""
        return {axis: inputs[name].shape[number] for axis, name, number in self._places}


def aligned(size: int) -> NDArray[np.uint8]:
    """Make zeros that start on a cache line, which NumPy does not promise and vector code likes."""
    memory = np.zeros(size + _CACHE_LINE_BYTES, np.uint8)
    start = -memory.ctypes.data % _CACHE_LINE_BYTES
    return memory[start : start + size]

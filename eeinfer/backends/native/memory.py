"""NumPy's memory as the library sees it, and the library's as NumPy does."""

from ctypes import c_int64, c_uint8
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.backends.base import Inputs
from eeinfer.backends.native.binding import Tensor
from eeinfer.bundle.manifest import Manifest


class Given:
    """The inputs of a bundle as the library takes them. It holds on to no array."""

    def __init__(self, manifest: Manifest) -> None:
        specs = [input.tensor for input in manifest.inputs]
        self.count = len(specs)
        self.tensors = (Tensor * self.count)()
        self._shapes = [(c_int64 * (len(spec.shape) + 1))() for spec in specs]
        self._known: list[tuple[int, ...]] = [()] * self.count
        self._each = [(spec.name, i, self.tensors[i]) for i, spec in enumerate(specs)]
        for tensor, spec, shape in zip(self.tensors, specs, self._shapes, strict=True):
            tensor.name, tensor.dtype = spec.name.encode(), spec.dtype.encode()
            tensor.rank, tensor.shape = len(shape), shape

    def point(self, inputs: Inputs) -> None:
        """Let the tensors be these prepared arrays, which the caller keeps."""
        for name, i, tensor in self._each:
            array = inputs[name]
            if array.shape != self._known[i]:
                self._known[i] = array.shape
                self._shapes[i][:] = list(array.shape)
            tensor.data = array.__array_interface__["data"][0]  # quicker than array.ctypes.data


def view(address: int | None, dtype: type[np.generic], *shape: int) -> NDArray[Any]:
    """Return the library's memory at ``address`` as an array: not a copy, and not kept alive by it."""
    size = np.dtype(dtype).itemsize
    for length in shape:
        size *= length
    if address is None or not size:
        return np.empty(shape, dtype)
    memory: Any = (c_uint8 * size).from_address(address)
    array: NDArray[Any] = np.frombuffer(memory, dtype).reshape(shape)
    return array

"""ONNX Runtime sessions and memory of our own: what they read and write is bound, not passed."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.backends.base import Exit
from eeinfer.backends.onnx_runtime import onnxruntime
from eeinfer.bundle.layout import EXIT_OUTPUTS, alive
from eeinfer.bundle.manifest import Manifest, TensorSpec

_CACHE_LINE_BYTES = 64
_MOST_CALLS = 1024  # bound beforehand, of all segments and batch sizes


class OrtRows:
    """The way of up to ``capacity`` rows through the cascade, in buffers that are made once. For one caller at a time.

    A tensor is stored for all rows at once; a segment runs on the first n of them.
    """

    def __init__(self, sessions: list[Any], manifest: Manifest, capacity: int) -> None:
        self.capacity, self.count = capacity, 0
        self._sessions, self._segments = sessions, manifest.segments
        self._input = manifest.input.tensor.name
        self._memory: dict[str, NDArray[Any]] = {}
        for segment in self._segments:
            self._memory |= buffers(segment.carried, capacity)
        own = (spec.name for segment in self._segments for spec in segment.carried if spec.shares is None)
        self._bytes = sum(self._memory[name].nbytes for name in own)
        self._exits = [Exit.zeros(len(manifest.classes), capacity) for _ in sessions]
        self._reads_image = [any(spec.name == self._input for spec in part.inputs) for part in self._segments]
        self._alive = [[spec.name for spec in specs] for specs in alive(manifest)]
        self._calls: dict[tuple[int, int], tuple[Any, Exit]] = {}
        self._images: NDArray[Any] | None = None
        self._at = 0

    @property
    def bytes(self) -> int:
        """How much memory the buffers take, the images of the caller included, to which they may cling."""
        images = 0 if self._images is None else self._images.nbytes
        return images + self._bytes

    def load(self, images: NDArray[Any]) -> None:
        """Take up to ``capacity`` images [n, *shape]; they are read in place."""
        self._images, self.count = images, len(images)

    def run(self, segment: int) -> Exit:
        """Compute a segment, all earlier ones having run."""
        key = segment, self.count
        if key not in self._calls:
            self._calls[key] = self._bound(segment, self.count)
        binding, exit = self._calls[key]
        if self._reads_image[segment]:
            binding.bind_cpu_input(self._input, self._images)
        self._sessions[segment].run_with_iobinding(binding)
        self._at = segment
        return exit

    def compact(self, order: NDArray[Any]) -> None:
        """Go on with the rows ``order``: those that are not in their place are moved there."""
        moved = [(to, source) for to, source in enumerate(order.tolist()) if to != source]
        for name in self._alive[self._at]:
            if name == self._input:
                assert self._images is not None
                self._images = self._images[order]  # the caller's memory is not ours to write into
                continue
            memory = self._memory[name]
            for to, source in moved:
                memory[to] = memory[source]
        self.count = len(order)

    def _bound(self, segment: int, rows: int) -> tuple[Any, Exit]:
        if len(self._calls) >= _MOST_CALLS:
            self._calls.clear()
        part, exit = self._segments[segment], Exit(*(array[:rows] for array in self._exits[segment]))
        inputs = {spec.name: self._memory[spec.name][:rows] for spec in part.inputs if spec.name != self._input}
        outputs = {spec.name: self._memory[spec.name][:rows] for spec in part.carried}
        outputs |= dict(zip(EXIT_OUTPUTS, exit, strict=True))
        return bind(self._sessions[segment], inputs, outputs), exit


class OrtLane:
    """One image's way through the cascade with everything bound beforehand. Implements ``Lane``."""

    run_on_device: Callable[..., int] | None = None

    def __init__(self, sessions: list[Any], manifest: Manifest) -> None:
        self.exits = tuple(Exit.zeros(len(manifest.classes), 1) for _ in sessions)
        self._scores = [exit.score.item for exit in self.exits]
        self._runs = [session.run_with_iobinding for session in sessions]
        self._bindings = []
        image = manifest.input.tensor
        self._image = buffer(image, 1)
        self._memory = memory = {image.name: self._image}  # bindings do not own their memory
        for session, segment, exit in zip(sessions, manifest.segments, self.exits, strict=True):
            made = buffers(segment.carried, 1)
            memory |= made
            inputs = {spec.name: memory[spec.name] for spec in segment.inputs}
            self._bindings.append(bind(session, inputs, dict(zip(EXIT_OUTPUTS, exit, strict=True)) | made))

    def load(self, image: NDArray[Any]) -> None:
        """Copy the image to where the segments read it: that costs no more than binding it would."""
        self._image[...] = image

    def run(self, segment: int) -> float:
        """Compute a segment from buffer to buffer and return its score."""
        self._runs[segment](self._bindings[segment])
        score: float = self._scores[segment]()
        return score


def bind(session: Any, inputs: dict[str, NDArray[Any]], outputs: dict[str, NDArray[Any]]) -> Any:
    """Bind ``session`` to read and write the memory of these arrays."""
    wrap = onnxruntime().OrtValue.ortvalue_from_numpy
    binding = session.io_binding()
    for name, array in inputs.items():
        binding.bind_ortvalue_input(name, wrap(array))
    for name, array in outputs.items():
        binding.bind_ortvalue_output(name, wrap(array))
    return binding


def buffers(carried: Iterable[TensorSpec], rows: int) -> dict[str, NDArray[Any]]:
    """Make memory for what a segment carries, by name; what shares memory comes after the tensor it shares it with."""
    made: dict[str, NDArray[Any]] = {}
    for spec in carried:
        made[spec.name] = buffer(spec, rows) if spec.shares is None else made[spec.shares]
    return made


def buffer(spec: TensorSpec, rows: int) -> NDArray[Any]:
    """Make zeros [rows, *shape] that start on a cache line, which NumPy does not promise and vector code likes."""
    dtype, shape = np.dtype(spec.dtype), (rows, *spec.sizes())
    size = dtype.itemsize * int(np.prod(shape))
    memory = np.zeros(size + _CACHE_LINE_BYTES, np.uint8)
    start = -memory.ctypes.data % _CACHE_LINE_BYTES
    return memory[start : start + size].view(dtype).reshape(shape)

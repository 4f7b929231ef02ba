"""ONNX Runtime on the CPU: one session per segment, tensors passed on without a copy."""

import warnings
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.backends.base import Exit, Live
from eeinfer.backends.cores import physical_cores
from eeinfer.backends.sessions import check_graph, onnxruntime, open_session
from eeinfer.bundle import Bundle
from eeinfer.chain import EXIT_OUTPUTS, last_reads
from eeinfer.errors import ConfigError
from eeinfer.manifest import Manifest, TensorSpec

_CACHE_LINE_BYTES = 64
_SMALL_FLOPS = 50_000_000  # about 0.7 ms of one AVX-512 core


class OrtBackend:
    """The segments of one bundle as ONNX Runtime sessions. Implements ``eeinfer.backends.base.Backend``."""

    name = "onnxruntime"

    def __init__(self, bundle: Bundle, *, device: str, threads: int | None) -> None:
        if device != "cpu":
            providers = ", ".join(onnxruntime().get_available_providers())
            raise ConfigError(f"device {device!r} is not available here; give 'cpu' (ONNX Runtime has {providers})")
        self.device = device
        self._manifest = manifest = bundle.manifest
        opened = [
            open_session(bundle.file(segment.file), threads=_own_threads(segment.flops, threads))
            for segment in manifest.segments
        ]
        counts = [count for _, count in opened]
        self.threads = None if None in counts else max(count for count in counts if count is not None)
        if threads is not None and self.threads != threads:
            warnings.warn(f"threads={threads} has no effect: this process has one pool for all sessions", stacklevel=4)
        self._sessions = [session for session, _ in opened]
        for session, segment in zip(self._sessions, manifest.segments, strict=True):
            check_graph(session, segment, classes=len(manifest.classes), where=bundle.file(segment.file))
        self._reads = [[spec.name for spec in segment.inputs] for segment in manifest.segments]
        self._carried = [[spec.name for spec in segment.carried] for segment in manifest.segments]
        self._dead = last_reads(manifest)

    def start(self, images: NDArray[Any]) -> Live:
        """Take prepared images [B, *shape]; ONNX Runtime reads NumPy's memory in place."""
        return {self._manifest.input.tensor.name: images}

    def run(self, segment: int, live: Live) -> Exit:
        """Compute a segment; its outputs are NumPy views of ONNX Runtime's memory and become the next one's inputs."""
        feeds = {name: live[name] for name in self._reads[segment]}
        carried = self._carried[segment]
        logits, score, prediction, *made = self._sessions[segment].run([*EXIT_OUTPUTS, *carried], feeds)
        live.update(zip(carried, made, strict=True))
        for name in self._dead[segment]:
            del live[name]
        return Exit(logits, score, prediction)

    def keep(self, live: Live, rows: NDArray[Any]) -> Live:
        """Gather ``rows`` of every live tensor."""
        return {name: np.take(tensor, rows, axis=0) for name, tensor in live.items()}

    def lane(self) -> "OrtLane":
        """Make the buffers for one image at a time."""
        return OrtLane(self._sessions, self._manifest)


class OrtLane:
    """One image's way through the cascade with everything bound beforehand. Implements ``Lane``."""

    def __init__(self, sessions: list[Any], manifest: Manifest) -> None:
        self._image = manifest.input.tensor.name
        self.exits = tuple(_exit_buffers(len(manifest.classes)) for _ in sessions)
        self._scores = [exit.score.item for exit in self.exits]
        self._runs = [session.run_with_iobinding for session in sessions]
        self._bindings = []
        self._buffers = buffers = {self._image: _buffer(manifest.input.tensor)}  # bindings do not own their memory
        for session, segment, exit in zip(sessions, manifest.segments, self.exits, strict=True):
            made = {spec.name: _buffer(spec) for spec in segment.carried}
            buffers |= made
            inputs = {spec.name: buffers[spec.name] for spec in segment.inputs}
            self._bindings.append(_bind(session, inputs, dict(zip(EXIT_OUTPUTS, exit, strict=True)) | made))
        reads_image = [any(spec.name == self._image for spec in segment.inputs) for segment in manifest.segments]
        self._readers = list(compress(self._bindings, reads_image))

    def load(self, image: NDArray[Any]) -> None:
        """Let every segment that reads the image find it where it is."""
        for binding in self._readers:
            binding.bind_cpu_input(self._image, image)

    def run(self, segment: int) -> float:
        """Compute a segment from buffer to buffer and return its score."""
        self._runs[segment](self._bindings[segment])
        score: float = self._scores[segment]()
        return score


def _own_threads(flops: int, threads: int | None) -> int:
    """Threads of a segment's own pool: below about a millisecond a second one does less than its waking costs."""
    if threads is not None:
        return threads
    return 1 if flops < _SMALL_FLOPS else physical_cores()


def _bind(session: Any, inputs: dict[str, NDArray[Any]], outputs: dict[str, NDArray[Any]]) -> Any:
    """Bind ``session`` to read and write the memory of these arrays."""
    wrap = onnxruntime().OrtValue.ortvalue_from_numpy
    binding = session.io_binding()
    for name, array in inputs.items():
        binding.bind_ortvalue_input(name, wrap(array))
    for name, array in outputs.items():
        binding.bind_ortvalue_output(name, wrap(array))
    return binding


def _exit_buffers(classes: int) -> Exit:
    return Exit(np.zeros((1, classes), np.float32), np.zeros(1, np.float32), np.zeros(1, np.int64))


def _buffer(spec: TensorSpec) -> NDArray[Any]:
    """Make zeros [1, *shape] that start on a cache line, which NumPy does not promise and vector code likes."""
    dtype, shape = np.dtype(spec.dtype), (1, *spec.shape)
    size = dtype.itemsize * int(np.prod(shape))
    memory = np.zeros(size + _CACHE_LINE_BYTES, np.uint8)
    start = -memory.ctypes.data % _CACHE_LINE_BYTES
    return memory[start : start + size].view(dtype).reshape(shape)

"""ONNX Runtime on the CPU: one session per segment, tensors passed on without a copy."""

import warnings
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.backends import optimised
from eeinfer.backends.base import Exit, Live
from eeinfer.backends.pools import onnxruntime, share_threads
from eeinfer.backends.sessions import check_graph, open_session
from eeinfer.backends.threads import SHARED, Threads, as_threads
from eeinfer.bundle import Bundle
from eeinfer.chain import EXIT_OUTPUTS, last_reads
from eeinfer.errors import ConfigError
from eeinfer.manifest import Manifest, TensorSpec

_CACHE_LINE_BYTES = 64
_SAME = 1e-4  # how far the optimised logits may be off, relative to the largest beyond 1


class OrtBackend:
    """The segments of one bundle as ONNX Runtime sessions. Implements ``eeinfer.backends.base.Backend``."""

    name = "onnxruntime"

    def __init__(self, bundle: Bundle, *, device: str, threads: int | str | None, verify: bool) -> None:
        if device != "cpu":
            providers = ", ".join(onnxruntime().get_available_providers())
            raise ConfigError(f"device {device!r} is not available here; give 'cpu' (ONNX Runtime has {providers})")
        self.device = device
        plan = as_threads(threads, [segment.flops for segment in bundle.manifest.segments])
        if plan.mode == SHARED:
            share_threads(plan.counts[0])
        found = optimised.find(bundle, verify=verify)
        self._chain = Chain(found, plan, optimised=True) if found else _optimised(Chain(bundle, plan, optimised=False))
        self.threads = self._chain.threads
        if threads is not None and self._chain.counts != plan.counts:
            warnings.warn(f"threads={threads} has no effect: this process has one pool for all sessions", stacklevel=4)

    @property
    def optimised(self) -> bool:
        """Whether the segments run in the form that was optimised for this machine."""
        return self._chain.optimised

    def start(self, images: NDArray[Any]) -> Live:
        """Take prepared images [B, *shape]; ONNX Runtime reads NumPy's memory in place."""
        return {self._chain.manifest.input.tensor.name: images}

    def run(self, segment: int, live: Live) -> Exit:
        """Compute a segment; its outputs are NumPy views of ONNX Runtime's memory and become the next one's inputs."""
        return self._chain.run(segment, live)

    def keep(self, live: Live, rows: NDArray[Any]) -> Live:
        """Gather ``rows`` of every live tensor."""
        return {name: np.take(tensor, rows, axis=0) for name, tensor in live.items()}

    def lane(self) -> "OrtLane":
        """Make the buffers for one image at a time."""
        return OrtLane(self._chain.sessions, self._chain.manifest)


class Chain:
    """The opened segments of one bundle, and what each reads, makes and leaves behind."""

    def __init__(self, bundle: Bundle, plan: Threads, *, optimised: bool) -> None:
        self.bundle, self.manifest, self.plan, self.optimised = bundle, bundle.manifest, plan, optimised
        segments = self.manifest.segments
        opened = [
            open_session(bundle.file(segment.file), threads=count, mode=plan.mode, optimised=optimised)
            for segment, count in zip(segments, plan.counts, strict=True)
        ]
        self.sessions = [session for session, _ in opened]
        self.counts = tuple(count for _, count in opened)
        self.threads = max((count for count in self.counts if count is not None), default=None)
        for session, segment in zip(self.sessions, segments, strict=True):
            check_graph(session, segment, classes=len(self.manifest.classes), where=bundle.file(segment.file))
        self._reads = [[spec.name for spec in segment.inputs] for segment in segments]
        self._carried = [[spec.name for spec in segment.carried] for segment in segments]
        self._dead = last_reads(self.manifest)

    def run(self, segment: int, live: Live) -> Exit:
        """Compute a segment for every row; what it carries joins ``live``, what nobody reads any more leaves it."""
        feeds = {name: live[name] for name in self._reads[segment]}
        carried = self._carried[segment]
        logits, score, prediction, *made = self.sessions[segment].run([*EXIT_OUTPUTS, *carried], feeds)
        live.update(zip(carried, made, strict=True))
        for name in self._dead[segment]:
            del live[name]
        return Exit(logits, score, prediction)

    def answers(self, images: NDArray[Any]) -> list[Exit]:
        """Return what every exit answers."""
        live = {self.manifest.input.tensor.name: images}
        return [self.run(segment, live) for segment in range(len(self.sessions))]


def _optimised(plain: Chain) -> Chain:
    """Return the chain in the form that suits this machine if it can be made and answers the same."""
    if optimised.place(plain.bundle) is None:
        return plain
    images = _trial(plain.manifest.input.tensor)
    try:
        expected = plain.answers(images)
    except Exception:  # a segment that does not run is reported when the engine warms it up
        return plain
    made = optimised.make(plain.bundle)
    if made is None:
        return plain
    try:
        chain = Chain(made, plain.plan, optimised=True)
        answers = chain.answers(images)
    except Exception as error:
        optimised.refuse(plain.bundle, f"optimised they do not run: {error}")
        return plain
    if not all(map(_same, expected, answers)):
        optimised.refuse(plain.bundle, "optimised they answer differently")
        return plain
    return chain


def _trial(spec: TensorSpec) -> NDArray[Any]:
    return np.random.default_rng(0).standard_normal((2, *spec.shape)).astype(spec.dtype)


def _same(expected: Exit, answer: Exit) -> bool:
    for wanted, got in ((expected.logits, answer.logits), (expected.score, answer.score)):
        size = max(1.0, float(np.abs(wanted[np.isfinite(wanted)]).max(initial=0)))
        if not np.allclose(wanted, got, rtol=0, atol=_SAME * size, equal_nan=True):
            return False
    return True


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

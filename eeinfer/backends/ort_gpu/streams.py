"""One queue on one GPU, and the clock of that GPU."""

from typing import Any

from eeinfer.errors import ConfigError, DependencyError


class Stream:
    """A CUDA stream; ``int(stream)`` is what other libraries take.

    It waits for the default stream and that waits for it, because ONNX Runtime puts copies from and to NumPy there.
    """

    def __init__(self, gpu: int) -> None:
        try:
            from cuda.bindings import runtime
        except ImportError as error:
            raise DependencyError(
                "streams on a GPU need the cuda-bindings package: pip install 'eeinfer[gpu]'"
            ) from error
        self._cuda: Any = runtime  # a library without types
        self._gpu = gpu
        self._answer("cudaSetDevice", gpu)
        self._stream = self._answer("cudaStreamCreateWithFlags", runtime.cudaStreamDefault)

    def __int__(self) -> int:
        return int(self._stream)

    def mark(self) -> Any:
        """Put a mark into the stream and return it; the GPU stamps it with its time when it gets there."""
        self._answer("cudaSetDevice", self._gpu)
        event = self._answer("cudaEventCreate")
        self._answer("cudaEventRecord", event, self._stream)
        return event

    def elapsed_ms(self, start: Any, end: Any) -> float:
        """Return the GPU's milliseconds between two marks, waiting for the second; neither can be used again."""
        self._answer("cudaEventSynchronize", end)
        elapsed = float(self._answer("cudaEventElapsedTime", start, end))
        for event in (start, end):
            self._answer("cudaEventDestroy", event)
        return elapsed

    def _answer(self, call: str, *arguments: Any) -> Any:
        status, *values = getattr(self._cuda, call)(*arguments)
        if int(status):
            raise ConfigError(f"{call} failed on cuda:{self._gpu} with {status.name}; see: eeinfer doctor")
        return values[0] if values else None

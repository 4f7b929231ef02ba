"""One queue on one GPU, and the clock of that GPU."""

from functools import partial
from typing import Any

from eeinfer.backends.cuda.calls import bindings, call


class Stream:
    """A CUDA stream; ``int(stream)`` is what other libraries take.

    It waits for the default stream and that waits for it, because ONNX Runtime puts copies from and to NumPy there.
    """

    def __init__(self, gpu: int) -> None:
        """Make it.

        Raises:
            DependencyError: cuda-bindings is missing or too old.
            CudaError: there is no such GPU, or CUDA does not work here.
        """
        runtime, _ = bindings()
        self._call, self._gpu = partial(call, runtime), gpu
        self._call("cudaSetDevice", gpu)
        self._stream = self._call("cudaStreamCreateWithFlags", runtime.cudaStreamDefault)

    def __int__(self) -> int:
        return int(self._stream)

    def mark(self) -> Any:
        """Put a mark into the stream and return it; the GPU stamps it with its time when it gets there."""
        self._call("cudaSetDevice", self._gpu)
        event = self._call("cudaEventCreate")
        self._call("cudaEventRecord", event, self._stream)
        return event

    def elapsed_ms(self, start: Any, end: Any) -> float:
        """Return the GPU's milliseconds between two marks, waiting for the second; neither can be used again."""
        self._call("cudaEventSynchronize", end)
        elapsed = float(self._call("cudaEventElapsedTime", start, end))
        for event in (start, end):
            self._call("cudaEventDestroy", event)
        return elapsed

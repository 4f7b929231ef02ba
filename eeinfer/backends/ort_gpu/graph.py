"""A further ONNX graph on the provider of the segments, opened and fed as they are."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.backends.ort_gpu.options import UNWAITED, run_options
from eeinfer.backends.ort_gpu.providers import Provider
from eeinfer.backends.ort_gpu.streams import Stream


class BoundGraph:
    """One graph with its input and its outputs bound beforehand. Implements ``eeinfer.backends.base.DeviceGraph``."""

    def __init__(
        self, session: Any, provider: Provider, stream: Stream, example: NDArray[Any], read: Sequence[str]
    ) -> None:
        """Bind it.

        Args:
            session: of the graph.
            provider: on which it was opened.
            stream: of that provider.
            example: a batch like those to come.
            read: the outputs that the host reads; all others stay on the GPU.
        """
        self._run, self._stream = session.run_with_iobinding, stream
        self._image = provider.wrap(np.zeros_like(example))
        self._answering = self._bound(session, provider, len(example), read)
        self._silent = self._bound(session, provider, len(example), ())
        self._options, self._unwaited = run_options(), run_options(UNWAITED)

    def run(self, images: NDArray[Any]) -> None:
        """Compute it from NumPy's memory, until what the host reads is there."""
        self._image.update_inplace(images)
        self._run(self._answering, self._options)

    def device_ms(self, images: NDArray[Any]) -> float:
        """Return the GPU's own milliseconds, with all outputs left there."""
        self._image.update_inplace(images)
        start = self._stream.mark()
        self._run(self._silent, self._unwaited)
        return self._stream.elapsed_ms(start, self._stream.mark())

    def _bound(self, session: Any, provider: Provider, rows: int, read: Sequence[str]) -> Any:
        binding = session.io_binding()
        binding.bind_ortvalue_input(session.get_inputs()[0].name, self._image)
        for output in session.get_outputs():
            array = np.zeros((rows, *output.shape[1:]), np.int64 if output.type == "tensor(int64)" else np.float32)
            binding.bind_ortvalue_output(output.name, provider.wrap(array, on_host=output.name in read))
        return binding

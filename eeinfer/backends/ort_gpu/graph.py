"""A further ONNX graph on the provider of the segments, opened and fed as they are."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from eeinfer.backends.base import Inputs
from eeinfer.backends.ort_gpu.options import UNWAITED, run_options
from eeinfer.backends.ort_gpu.providers import Provider
from eeinfer.backends.ort_gpu.streams import Stream


class BoundGraph:
    """One graph with its input and its outputs bound beforehand. Implements ``eeinfer.backends.base.DeviceGraph``."""

    def __init__(self, session: Any, provider: Provider, stream: Stream, example: Inputs, read: Sequence[str]) -> None:
        """Bind it.

        Args:
            session: of the graph.
            provider: on which it was opened.
            stream: of that provider.
            example: a batch like those to come.
            read: the outputs that the host reads; all others stay on the GPU.
        """
        self._run, self._stream = session.run_with_iobinding, stream
        self._inputs = {name: provider.wrap(np.zeros_like(array)) for name, array in example.items()}
        rows = len(next(iter(example.values())))
        self._answering = self._bound(session, provider, rows, read)
        self._silent = self._bound(session, provider, rows, ())
        self._options, self._unwaited = run_options(), run_options(UNWAITED)

    def run(self, inputs: Inputs) -> None:
        """Compute it from NumPy's memory, until what the host reads is there."""
        self._take(inputs)
        self._run(self._answering, self._options)

    def device_ms(self, inputs: Inputs) -> float:
        """Return the GPU's own milliseconds, with all outputs left there."""
        self._take(inputs)
        start = self._stream.mark()
        self._run(self._silent, self._unwaited)
        return self._stream.elapsed_ms(start, self._stream.mark())

    def _take(self, inputs: Inputs) -> None:
        for name, buffer in self._inputs.items():
            buffer.update_inplace(inputs[name])

    def _bound(self, session: Any, provider: Provider, rows: int, read: Sequence[str]) -> Any:
        binding = session.io_binding()
        for name in (node.name for node in session.get_inputs()):
            binding.bind_ortvalue_input(name, self._inputs[name])
        for output in session.get_outputs():
            array = np.zeros((rows, *output.shape[1:]), np.int64 if output.type == "tensor(int64)" else np.float32)
            binding.bind_ortvalue_output(output.name, provider.wrap(array, on_host=output.name in read))
        return binding

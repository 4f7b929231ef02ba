"""A session with memory of our own bound to it. Implements ``eeinfer.backends.rows.Bound``."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from numpy.typing import NDArray

from eeinfer.backends.onnx_runtime import onnxruntime
from eeinfer.backends.rows import Bind, Tensors


class OrtBound:
    """A session that reads and writes the memory of these arrays."""

    run: Callable[[], object]

    def __init__(self, session: Any, inputs: Tensors, outputs: Tensors) -> None:
        wrap = onnxruntime().OrtValue.ortvalue_from_numpy
        binding = session.io_binding()
        for name, array in inputs.items():
            binding.bind_ortvalue_input(name, wrap(array))
        for name, array in outputs.items():
            binding.bind_ortvalue_output(name, wrap(array))
        self._binding, self.run = binding, partial(session.run_with_iobinding, binding)

    def read(self, name: str, array: NDArray[Any]) -> None:
        """Bind another input."""
        self._binding.bind_cpu_input(name, array)


def binder(sessions: Sequence[Any]) -> Bind:
    """Return what binds segment k, of which ``sessions[k]`` is the session."""
    return lambda k, inputs, outputs: OrtBound(sessions[k], inputs, outputs)

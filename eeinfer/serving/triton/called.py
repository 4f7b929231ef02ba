"""Segments that are models of the same Triton, as a backend."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import triton_python_backend_utils as triton  # only inside a Triton
from numpy.typing import NDArray

from eeinfer.backends.host import HostBackend
from eeinfer.backends.row_costs import RowCosts
from eeinfer.backends.rows import Tensors
from eeinfer.bundle.layout import bytes_in_front
from eeinfer.bundle.manifest import Manifest
from eeinfer.errors import BundleError


class CalledModels(HostBackend):
    """Calls model k for segment k. Implements ``eeinfer.backends.base.Backend``."""

    name, device = "triton", "cpu"  # the rows are here, whatever computes them
    threads: int | None = None
    optimised: bool | None = None

    def __init__(self, manifest: Manifest, models: Sequence[str]) -> None:
        """Take the names of the models, in the order of the segments."""
        flops = [segment.flops for segment in manifest.segments]
        self.costs = RowCosts.estimated(flops, bytes_in_front(manifest), threads=1)

        def bind(k: int, inputs: Tensors, outputs: Tensors) -> CalledModel:
            return CalledModel(models[k], inputs, outputs)

        super().__init__(manifest, self.costs, one=bind, many=bind)


class CalledModel:
    """A model that is called with these arrays and whose answers are copied to those."""

    run: Callable[[], object]

    def __init__(self, name: str, inputs: Tensors, outputs: Tensors) -> None:
        self._inputs = dict(inputs)
        self.run = partial(_call, name, self._inputs, dict(outputs))

    def read(self, name: str, array: NDArray[Any]) -> None:
        """Send another array."""
        self._inputs[name] = array


def _call(name: str, inputs: Tensors, outputs: Tensors) -> None:
    """Ask a model.

    Raises:
        BundleError: it fails.
    """
    request = triton.InferenceRequest(
        model_name=name,
        requested_output_names=[*outputs],
        inputs=[triton.Tensor(name, array) for name, array in inputs.items()],
        preferred_memory=triton.PreferredMemory(triton.TRITONSERVER_MEMORY_CPU, 0),
    )
    reply = request.exec()
    if reply.has_error():
        raise BundleError(f"model {name!r} of this Triton fails: {reply.error().message()}")
    for tensor in reply.output_tensors():
        outputs[tensor.name()][...] = tensor.as_numpy()

"""A request with memory of our own bound to it. Implements ``eeinfer.backends.rows.Bound``."""

import math
import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.backends.openvino.library import openvino
from eeinfer.backends.rows import Tensors
from eeinfer.bundle.layout import EXIT_OUTPUTS
from eeinfer.errors import ConfigError

LOGITS, SCORE, _ = EXIT_OUTPUTS


class OpenVinoBound:
    """A request that reads and writes the memory of these arrays; OpenVINO does not keep them alive."""

    run: Callable[[], object]

    def __init__(self, compiled: Any, inputs: Tensors, outputs: Tensors, *, process: int | None = None) -> None:
        """Bind a compiled segment.

        Args:
            compiled: the segment.
            inputs: what it reads.
            outputs: what it writes.
            process: whose threads compute it; None: the caller's own thread does.
        """
        self._tensor = partial(openvino().Tensor, shared_memory=True)
        self._request, self._outputs = compiled.create_infer_request(), outputs
        for name, array in {**inputs, **outputs}.items():
            self.read(name, array)
        infer = partial(self._request.infer, share_outputs=True)  # without a copy of every output
        self._infer = infer if process is None else partial(_infer_in, process, infer)
        self._largest = outputs[LOGITS].max
        fixed = all(compiled.output(name).partial_shape.is_static for name in outputs)
        self.run = self._run if fixed else self._first

    def read(self, name: str, array: NDArray[Any]) -> None:
        """Bind another array."""
        self._request.set_tensor(name, self._tensor(array))

    def _run(self) -> None:
        """Compute, and give no score to rows without finite logits: OpenVINO makes 0 of what would be NaN."""
        self._infer()
        if not math.isfinite(self._largest()):
            rows = np.isfinite(self._outputs[LOGITS].max(axis=1))
            self._outputs[SCORE][~rows] = math.nan

    def _first(self) -> None:
        """Compute, and see that the outputs are as large as was bound: of smaller ones OpenVINO says nothing."""
        self._run()
        for name, array in self._outputs.items():
            shape = tuple(self._request.get_tensor(name).shape)
            if shape != array.shape:
                raise RuntimeError(f"output {name!r} has the shape {[*shape]}, not {[*array.shape]}")
        self.run = self._run


def _infer_in(process: int, infer: Callable[[], object]) -> None:
    """Compute, unless this is another process, forked from that one: it would wait for threads that it has not got."""
    if os.getpid() != process:
        raise ConfigError(
            "option 'streams' is more than 1 and this process was forked from the one that opened the engine, where "
            "the threads of its streams stayed; load the bundle in this process, or leave the option out"
        )
    infer()

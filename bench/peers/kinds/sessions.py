"""What somebody writes first: one session per segment, as ONNX Runtime makes them."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from eeinfer.backends.onnx_runtime import onnxruntime
from eeinfer.bench.workers.base import Array, Call, Peer, Setup, Workload, needs
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.layout import EXIT_OUTPUTS, last_reads
from eeinfer.bundle.manifest import Segment
from eeinfer.rule import leaves

Run: TypeAlias = Callable[[list[str], dict[str, Array]], Sequence[Array]]  # names of outputs, inputs by name


class ByHand(Peer):
    """A loop in NumPy over segments that a library runs: arrays in and out; rows that leave are taken out."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        bundle = Bundle.open(setup.bundle)
        self._manifest = bundle.manifest
        self._runs = [self.opened(bundle, part) for part in bundle.manifest.segments]
        self._reads = [[spec.name for spec in part.inputs] for part in bundle.manifest.segments]
        self._carried = [[spec.name for spec in part.carried] for part in bundle.manifest.segments]
        self._dead = last_reads(bundle.manifest)

    def opened(self, bundle: Bundle, segment: Segment) -> Run:
        """Return what runs a segment."""
        raise NotImplementedError

    def plan(self, workload: Workload, rows: Array) -> Call:
        """Return the cascade at the workload's thresholds."""
        taus = np.array(workload.taus, np.float32)
        return lambda images: self._cascade(images, taus)

    def answers(self, raw: Any) -> tuple[Array, Array]:
        """Take them as they are."""
        exits, predictions = raw
        return exits, predictions

    def _cascade(self, images: Array, taus: Array) -> tuple[Array, Array]:
        exits, predictions = np.empty(len(images), np.int64), np.empty(len(images), np.int64)
        rows = np.arange(len(images))
        live = {self._manifest.input.tensor.name: images}
        for k, run in enumerate(self._runs):
            _, score, prediction, *made = run(
                [*EXIT_OUTPUTS, *self._carried[k]], {name: live[name] for name in self._reads[k]}
            )
            live.update(zip(self._carried[k], made, strict=True))
            out = leaves(score, taus[k]) if k < len(taus) - 1 else np.ones(len(rows), np.bool_)
            exits[rows[out]], predictions[rows[out]] = k, prediction[out]
            if out.all():
                break
            for name in self._dead[k]:
                del live[name]
            if out.any():
                rows = rows[~out]
                live = {name: tensor[~out] for name, tensor in live.items()}
        return exits, predictions


class Sessions(ByHand):
    """Default options but for the number of threads."""

    note = "one session per segment with default options (pools that spin), NumPy in and out"
    packages = ("onnxruntime", "onnxruntime-gpu")

    @classmethod
    def libraries(cls) -> None:
        """Import ONNX Runtime."""
        needs("onnxruntime")

    def opened(self, bundle: Bundle, segment: Segment) -> Run:
        """Open a session."""
        ort = onnxruntime()
        options = ort.SessionOptions()
        options.intra_op_num_threads = self.setup.threads
        path = str(bundle.file(segment.file))
        run: Run = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"]).run
        return run

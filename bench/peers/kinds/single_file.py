"""The cascade as one ONNX file with nested Ifs."""

from typing import Any

import numpy as np

from eeinfer.backends.onnx_runtime import onnxruntime
from eeinfer.bench.workers.base import Array, Call, Peer, Setup, Unavailable, Workload, needs
from eeinfer.bundle.manifest import MODEL_NAME


class SingleFile(Peer):
    """What `eeinfer export --single-file` writes, as one session with default options."""

    note = "one graph with nested Ifs, one session; a batch goes on until its last row has left"
    packages = ("onnxruntime", "onnxruntime-gpu")

    @classmethod
    def prepare(cls, setup: Setup) -> None:
        """Export the file."""
        needs("onnx")
        from eeinfer.errors import ExportError
        from eeinfer.export.single_file.api import export_single_file

        folder = setup.workspace / "single_file"
        folder.mkdir()
        try:
            export_single_file(setup.bundle, folder / MODEL_NAME)
        except ExportError as error:
            raise Unavailable(str(error)) from error

    @classmethod
    def libraries(cls) -> None:
        """Import ONNX Runtime."""
        needs("onnxruntime")

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        ort = onnxruntime()
        options = ort.SessionOptions()
        options.intra_op_num_threads = setup.threads
        path = setup.workspace / "single_file" / MODEL_NAME
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def plan(self, workload: Workload, rows: Array) -> Call:
        """Return the session with the workload's thresholds as its second input."""
        taus, run, name = np.array(workload.taus, np.float32), self._session.run, self._input
        return lambda images: run(["exit", "prediction"], {name: images, "tau": taus})

    def answers(self, raw: Any) -> tuple[Array, Array]:
        """Take the two outputs."""
        exits, predictions = raw
        return exits, predictions

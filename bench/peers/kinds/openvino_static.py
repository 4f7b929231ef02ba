"""OpenVINO on the network without early exits."""

from typing import Any

import numpy as np

from eeinfer.backends.openvino.library import openvino
from eeinfer.bench.peers.kinds.networks import what_is_static
from eeinfer.bench.timing.networks import STATIC, write_parts
from eeinfer.bench.workers.base import Array, Call, Peer, Setup, Workload, needs
from eeinfer.bundle.folder import Bundle


class OpenVino(Peer):
    """One compiled model of a fixed batch size, hint LATENCY, float32 as all others compute."""

    note = "the network without early exits, hint LATENCY, fixed batch, float32; it runs the whole network"
    packages = ("openvino",)
    decides = False

    @classmethod
    def prepare(cls, setup: Setup) -> None:
        """Take the static network out of model.onnx."""
        needs("openvino")
        needs("onnx")
        bundle = Bundle.open(setup.bundle)
        folder = setup.workspace / "openvino"
        folder.mkdir()
        write_parts(bundle, {STATIC: [len(bundle.manifest.segments) - 1]}, folder, link=False)

    @classmethod
    def libraries(cls) -> None:
        """Import OpenVINO."""
        needs("openvino")

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        core = openvino().Core()
        [path] = (setup.workspace / "openvino").glob("*.onnx")
        model = core.read_model(path)
        bundle = Bundle.open(setup.bundle, verify=False)
        self.detail = what_is_static(bundle)
        model.reshape([setup.batch, *bundle.manifest.input.tensor.shape])
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": setup.threads,
            "INFERENCE_PRECISION_HINT": "f32",  # it would take bfloat16 where the processor has it
        }
        self._request = core.compile_model(model, "CPU", settings).create_infer_request()

    def plan(self, workload: Workload, rows: Array) -> Call:
        """Return the network; workloads mean nothing to it."""
        last, request = len(workload.taus) - 1, self._request
        return lambda images: (last, request.infer([images], share_inputs=True, share_outputs=True))

    def answers(self, raw: Any) -> tuple[Array, Array]:
        """Every row has left at the last exit; its prediction is the last output."""
        exit, outputs = raw
        predictions = np.array(outputs[len(outputs) - 1]).astype(np.int64)
        return np.full(len(predictions), exit, np.int64), predictions

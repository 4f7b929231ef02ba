"""OpenVINO: the network without early exits, the networks cut at each exit, and our segments with a loop by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from eeinfer.backends.openvino.library import openvino
from eeinfer.bench.peers.kinds.networks import Cuts, what_is_static
from eeinfer.bench.peers.kinds.sessions import ByHand, Run
from eeinfer.bench.timing.networks import STATIC, write_parts
from eeinfer.bench.workers.base import Array, Call, Peer, Setup, Workload, needs
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import Segment


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
        self._request = core.compile_model(model, "CPU", _settings(setup)).create_infer_request()

    def plan(self, workload: Workload, rows: Array) -> Call:
        """Return the network; workloads mean nothing to it."""
        last, request = len(workload.taus) - 1, self._request
        return lambda images: (last, request.infer([images], share_inputs=True, share_outputs=True))

    def answers(self, raw: Any) -> tuple[Array, Array]:
        """Every row has left at the last exit; its prediction is the last output."""
        exit, outputs = raw
        predictions = np.array(outputs[len(outputs) - 1]).astype(np.int64)
        return np.full(len(predictions), exit, np.int64), predictions


class OpenVinoCuts(Cuts):
    """The network cut at each exit, one compiled model each: the ideal where OpenVINO is the quicker library."""

    note = "the network cut where the row leaves, known beforehand, by OpenVINO; a batch runs as one call per exit"
    packages = ("openvino",)

    @classmethod
    def libraries(cls) -> None:
        """Import OpenVINO."""
        needs("openvino")

    def __init__(self, setup: Setup) -> None:
        Peer.__init__(self, setup)
        core, shape = openvino().Core(), Bundle.open(setup.bundle, verify=False).manifest.input.tensor.shape
        self._requests = []
        for path in sorted(self.folder(setup).glob("*.onnx")):
            model = core.read_model(path)
            if setup.batch == 1:  # in a batch, as many rows as leave there
                model.reshape([1, *shape])
            self._requests.append(core.compile_model(model, "CPU", _settings(setup)).create_infer_request())

    def run(self, network: int, images: Array) -> Array:
        """Return the predictions [B] of one network."""
        outputs = self._requests[network].infer([images], share_inputs=True, share_outputs=True)
        return np.array(outputs[len(outputs) - 1])


class OpenVinoCascade(ByHand):
    """One compiled model per segment, of any batch size."""

    note = "our segments by OpenVINO with early return by hand, hint LATENCY, float32, NumPy in and out"
    packages = ("openvino",)

    @classmethod
    def libraries(cls) -> None:
        """Import OpenVINO."""
        needs("openvino")

    def opened(self, bundle: Bundle, segment: Segment) -> Run:
        """Compile it."""
        core = openvino().Core()
        compiled = core.compile_model(core.read_model(bundle.file(segment.file)), "CPU", _settings(self.setup))
        request, places = compiled.create_infer_request(), {node.any_name: node for node in compiled.outputs}

        def run(names: list[str], inputs: dict[str, Array]) -> Sequence[Array]:
            made = request.infer(inputs, share_inputs=True)
            return [made[places[name]] for name in names]

        return run


def _settings(setup: Setup) -> dict[str, Any]:
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": setup.threads,
        "INFERENCE_PRECISION_HINT": "f32",  # it would take bfloat16 where the processor has it
    }

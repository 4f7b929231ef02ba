"""One segment in Triton's Python backend, for a Triton that has no backend for ONNX graphs."""

from collections.abc import Mapping, Sequence
from typing import Any

import triton_python_backend_utils as triton  # only inside a Triton

from eeinfer.backends.onnx_runtime import onnxruntime
from eeinfer.serving.triton.setting import Setting


class TritonPythonModel:
    """What Triton calls."""

    def initialize(self, told: Mapping[str, str]) -> None:
        """Open the graph."""
        setting = Setting.read(told)
        library = onnxruntime()
        options = library.SessionOptions()
        options.intra_op_num_threads = int(setting.parameters["threads"])
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        graph = str(setting.folder / setting.parameters["graph"])
        self._session = library.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Compute the requests one after another."""
        return [self._answered(request) for request in requests]

    def _answered(self, request: Any) -> Any:
        names = [*request.requested_output_names()]
        arrays = self._session.run(names, {tensor.name(): tensor.as_numpy() for tensor in request.inputs()})
        return triton.InferenceResponse([triton.Tensor(*pair) for pair in zip(names, arrays, strict=True)])

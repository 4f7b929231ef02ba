"""For clients that take one answer to a request, over HTTP or gRPC: requests go on to the decoupled model."""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import triton_python_backend_utils as triton  # only inside a Triton

from eeinfer.serving.triton.exchange import passed_on
from eeinfer.serving.triton.setting import Setting


class TritonPythonModel:
    """What Triton calls."""

    def initialize(self, told: Mapping[str, str]) -> None:
        """Make a thread for every request that may be under way."""
        setting = Setting.read(told)
        self._to = setting.parameters["to"]
        self._threads = ThreadPoolExecutor(setting.max_batch)

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Let all requests be answered."""
        return [*self._threads.map(self._answered, requests)]

    def finalize(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def _answered(self, request: Any) -> Any:
        passed = triton.InferenceRequest(
            model_name=self._to,
            requested_output_names=[*request.requested_output_names()],
            inputs=request.inputs(),
            parameters=json.loads(request.parameters() or "{}"),
        )
        for reply in passed.exec(decoupled=True):
            if reply.has_error():
                return passed_on(reply.error().message())
            if reply.output_tensors():  # what only says that it was the last one has none
                answer = triton.InferenceResponse([_copied(tensor) for tensor in reply.output_tensors()])
        return answer


def _copied(tensor: Any) -> Any:
    """Copy a tensor, whose memory is taken back with the reply that brought it."""
    return triton.Tensor(tensor.name(), np.array(tensor.as_numpy()))

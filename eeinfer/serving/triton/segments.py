"""A cascade over models that Triton runs, one per segment: the loop is ours, and rows of several requests share it."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np

from eeinfer.arrays import finite_rows
from eeinfer.bundle.contents import read_manifest
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import MANIFEST_NAME
from eeinfer.bundle.manifest_file import decode_manifest
from eeinfer.rule import as_limits
from eeinfer.serving.config import ServingConfig
from eeinfer.serving.core import Core
from eeinfer.serving.request import prepared_request
from eeinfer.serving.served import Served
from eeinfer.serving.triton.called import CalledModels
from eeinfer.serving.triton.exchange import asked, given, refusal, response
from eeinfer.serving.triton.setting import Setting
from eeinfer.steps import Steps


class TritonPythonModel:
    """What Triton calls."""

    def initialize(self, told: Mapping[str, str]) -> None:
        """Read the manifest; the segments are loaded by Triton."""
        setting = Setting.read(told)
        folder = setting.folder
        self._manifest = decode_manifest(read_manifest(folder), where=folder / MANIFEST_NAME)
        self._own = as_limits(self._manifest.taus, len(self._manifest.segments))
        backend = CalledModels(self._manifest, setting.parameters["segments"].split(","))
        steps = Steps(Bundle(path=folder, manifest=self._manifest, fingerprint=""), backend)
        config = ServingConfig(max_batch=setting.max_batch, by_cost=False, queue=int(setting.parameters["queue"]))
        self._core = Core(steps, self._manifest, backend.costs, config)

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Take the rows of all requests from segment to segment."""
        taken = [self._taken(request) for request in requests]
        while self._core.turn():
            pass
        return [_reply(request, ticket) for request, ticket in zip(requests, taken, strict=True)]

    def _taken(self, request: Any) -> "Future[Served]":
        try:
            images = given(request, self._manifest)
            found = prepared_request(images, self._manifest, self._own, **asked(request))
            self._core.put(found, np.flatnonzero(finite_rows(found.inputs)).tolist())
            return found.ticket
        except Exception as error:  # whatever it is, the client waits for an answer
            refused: Future[Served] = Future()
            refused.set_exception(error)
            return refused


def _reply(request: Any, ticket: "Future[Served]") -> Any:
    error = ticket.exception()
    return refusal(error) if error else response(ticket.result(), request.requested_output_names())

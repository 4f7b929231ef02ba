"""A cascade as one decoupled model: our scheduler merges whatever requests are under way, and each ends by itself."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

import triton_python_backend_utils as triton  # only inside a Triton

from eeinfer.serving.config import ServingConfig
from eeinfer.serving.opening import shared_engine
from eeinfer.serving.scheduler import Scheduler
from eeinfer.serving.served import Served
from eeinfer.serving.triton.exchange import asked, given, refusal, response
from eeinfer.serving.triton.setting import Setting


class TritonPythonModel:
    """What Triton calls."""

    def initialize(self, told: Mapping[str, str]) -> None:
        """Open the bundle and warm it up."""
        setting = Setting.read(told)
        parameters = setting.parameters
        threads = int(parameters["threads"])
        engine = shared_engine(
            setting.folder / parameters["bundle"], device=parameters["device"], threads=threads or None
        )
        config = ServingConfig(max_batch=setting.max_batch, queue=int(parameters["queue"]))
        self._scheduler = Scheduler(engine, config)

    def execute(self, requests: Sequence[Any]) -> None:
        """Hand the requests to the scheduler and return at once."""
        for request in requests:
            sender, wanted = request.get_response_sender(), tuple(request.requested_output_names())
            try:
                images = given(request, self._scheduler.engine.manifest)
                ticket = self._scheduler.submit(images, **asked(request))
            except Exception as error:  # whatever it is, the client waits for an answer
                _send(sender, refusal(error, named=True))
                continue
            ticket.add_done_callback(partial(_answer, sender, wanted))

    def finalize(self) -> None:
        """Answer what was taken in."""
        self._scheduler.drain()


def _answer(sender: Any, wanted: tuple[str, ...], done: "Future[Served]") -> None:
    error = done.exception()
    _send(sender, refusal(error, named=True) if error else response(done.result(), wanted))


def _send(sender: Any, reply: Any) -> None:
    sender.send(reply, flags=triton.TRITONSERVER_RESPONSE_COMPLETE_FINAL)

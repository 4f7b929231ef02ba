"""What one replica runs: the scheduler over a bundle, asked through Ray's handles or by the protocol over HTTP."""

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from eeinfer.engine import Engine
from eeinfer.errors import BundleError
from eeinfer.preprocess import Given
from eeinfer.rule import Taus
from eeinfer.serving.observer import Observer
from eeinfer.serving.opening import take_serving_process
from eeinfer.serving.ray.counting import Counted
from eeinfer.serving.served import Served
from eeinfer.serving.web.failures import RequestError
from eeinfer.serving.web.http.app import http_app
from eeinfer.serving.web.models import Models
from eeinfer.serving.web.settings import ServerSettings, model_name
from eeinfer.serving.web.state import State


class Replica:
    """What Ray Serve makes, calls and replaces."""

    def __init__(self, settings: ServerSettings) -> None:
        """Load the bundle and warm it up.

        Raises:
            RequestError: it does not load.
        """
        take_serving_process(
            settings.bundles[0], device=settings.device, threads=settings.threads, backend=settings.backend
        )
        self._model, self._models = model_name(settings.bundles[0]), Models(settings, _counted)
        self._models.load_all()
        self._protocol = _Protocol(_OneOfMany(settings=settings, models=self._models))

    async def infer(
        self,
        images: Given,
        *,
        tau: Taus | None = None,
        deadline_ms: float | None = None,
        priority: int = 0,
        client: str = "",
    ) -> Served:
        """Answer the rows of one request, as ``Scheduler.submit`` describes it; given up, it is cancelled there too.

        Raises:
            InputError: images, tau, deadline or priority are not what is taken.
            OverloadError: the queue is full, or the deadline cannot be kept.
        """
        ticket = await asyncio.to_thread(  # scaling images takes milliseconds
            self._models.get(self._model).scheduler.submit,
            images,
            tau=tau,
            deadline_ms=deadline_ms,
            priority=priority,
            client=client,
        )
        return await asyncio.wrap_future(ticket)

    async def __call__(self, request: Request) -> Response:
        """Answer over HTTP as our own server does."""
        return self._protocol

    def check_health(self) -> None:
        """Let Ray put another replica in the place of one that answers no more.

        Raises:
            BundleError: its scheduler has stopped.
        """
        if self._models.get(self._model).scheduler.closed:
            raise BundleError(f"the scheduler of {self._model!r} has stopped; the log of this replica says why")


def _counted(model: str, _: Engine) -> Observer:
    return Counted(model)


class _OneOfMany(State):
    """A replica does not hear what the others are told."""

    def check_alone(self) -> None:
        """Let nobody load or unload a model.

        Raises:
            RequestError: always.
        """
        raise RequestError("replicas are replaced together: deploy the application again with serve.run", status=409)


class _Protocol(Response):
    """An answer that reads the request itself: it is whatever our own server makes of it."""

    def __init__(self, state: State) -> None:
        super().__init__()
        self._app = http_app(state, with_page=False)  # the page draws what the processes of our own server have counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))  # the prefix under which Serve has put it
        await self._app({**scope, "path": path, "root_path": ""}, receive, send)

"""The protocol over gRPC."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from eeinfer.serving.web.failures import RequestError, failure
from eeinfer.serving.web.inference import infer
from eeinfer.serving.web.metadata import model_metadata, server_metadata
from eeinfer.serving.web.rpc.bodies import read_call, write_reply
from eeinfer.serving.web.rpc.messages import SERVICE, message
from eeinfer.serving.web.state import State

log = logging.getLogger(__name__)

Method = Callable[[Any, Any], Awaitable[Any]]


class GrpcApp:
    """What the methods of the service do."""

    def __init__(self, state: State) -> None:
        self._state, self._models = state, state.models

    def handler(self) -> grpc.GenericRpcHandler:
        """Return what a server routes the service's methods to."""
        methods: dict[str, Method] = {
            "ServerLive": self._server_live,
            "ServerReady": self._server_ready,
            "ModelReady": self._model_ready,
            "ServerMetadata": self._server_metadata,
            "ModelMetadata": self._model_metadata,
            "ModelInfer": self._infer,
            "RepositoryIndex": self._index,
            "RepositoryModelLoad": self._load,
            "RepositoryModelUnload": self._unload,
        }
        handlers = {name: self._handled(name, method) for name, method in methods.items()}
        return grpc.method_handlers_generic_handler(SERVICE, handlers)

    def _handled(self, name: str, method: Method) -> Any:
        kind = message(f"{name}Request")

        async def call(raw: bytes, context: Any) -> Any:
            try:
                self._state.check_token(dict(context.invocation_metadata() or ()).get("authorization"))
                return await method(_parsed(kind, raw), context)
            except Exception as error:
                found = failure(error)
                if found.status == 500:
                    log.error("%s failed", name, exc_info=error)
                if found.retry_after_s is not None:
                    context.set_trailing_metadata((("retry-after-ms", str(round(found.retry_after_s * 1e3))),))
                await context.abort(grpc.StatusCode[found.grpc], found.text)

        return grpc.unary_unary_rpc_method_handler(
            call,
            response_serializer=message(f"{name}Response").SerializeToString,
        )

    async def _infer(self, request: Any, context: Any) -> Any:
        self._state.enter()
        try:
            self._models.get(request.model_name, request.model_version).scheduler.check_not_full()
            call = read_call(request, context.peer().rpartition(":")[0])
            return write_reply(await infer(self._models, call, self._state.settings.max_pixels))
        finally:
            self._state.leave()

    async def _server_live(self, _: Any, __: Any) -> Any:
        return message("ServerLiveResponse")(live=True)

    async def _server_ready(self, _: Any, __: Any) -> Any:
        return message("ServerReadyResponse")(ready=self._state.ready)

    async def _model_ready(self, request: Any, _: Any) -> Any:
        try:
            self._models.get(request.name, request.version)
        except RequestError:
            return message("ModelReadyResponse")(ready=False)
        return message("ModelReadyResponse")(ready=True)

    async def _server_metadata(self, _: Any, __: Any) -> Any:
        return message("ServerMetadataResponse")(**server_metadata())

    async def _model_metadata(self, request: Any, _: Any) -> Any:
        facts = model_metadata(self._models.get(request.name, request.version))
        del facts["parameters"]
        return message("ModelMetadataResponse")(**facts)

    async def _index(self, request: Any, _: Any) -> Any:
        rows = [row for row in self._models.index() if row["state"] == "READY" or not request.ready]
        return message("RepositoryIndexResponse")(models=rows)

    async def _load(self, request: Any, _: Any) -> Any:
        self._state.check_alone()
        await asyncio.to_thread(self._models.load, request.model_name)
        return message("RepositoryModelLoadResponse")()

    async def _unload(self, request: Any, _: Any) -> Any:
        self._state.check_alone()
        await asyncio.to_thread(self._models.unload, request.model_name)
        return message("RepositoryModelUnloadResponse")()


def _parsed(kind: Any, raw: bytes) -> Any:
    """Read a message here: one that gRPC itself cannot read would end as an error of the server's."""
    try:
        return kind.FromString(raw)
    except DecodeError as error:
        raise RequestError(f"this is no {kind.DESCRIPTOR.name}: {error}") from error

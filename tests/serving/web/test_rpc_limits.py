"""Over gRPC, too, whoever is turned away by the limit of requests at once is told so and counted."""

import asyncio
import socket
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eeinfer.serving import Observer

grpc = pytest.importorskip("grpc")
pytest.importorskip("prometheus_client")


class Stopped(Observer):
    """Keeps the scheduler in its first turn."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Event(), threading.Event()

    def stepped(self, k: int, rows: int, seconds: float) -> None:
        self.begun.set()
        self.go_on.wait(20)


def test_requests_beyond_those_at_once_are_refused_and_counted_and_health_is_told_all_the_same(
    tiny_bundle: Path,
) -> None:
    from eeinfer.serving.web.models import Models
    from eeinfer.serving.web.processes.worker import _grpc_server
    from eeinfer.serving.web.rpc.messages import SERVICE, message
    from eeinfer.serving.web.settings import ServerSettings
    from eeinfer.serving.web.state import State

    stopped, refused = Stopped(), list[str]()
    settings = ServerSettings(bundles=(tiny_bundle,), concurrency=1)
    models = Models(settings, lambda *_: stopped)
    models.load_all()
    state = State(settings=settings, models=models, turned_away=refused.append)
    question = message("ModelInferRequest")(model_name="tiny")
    question.inputs.add(name="input", datatype="FP32", shape=[1, 1, 8, 8])
    question.raw_input_contents.append(np.zeros(64, np.float32).tobytes())

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def exchange() -> tuple[Any, bool, Any]:
        server = await _grpc_server(settings, state, port)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:

            def call(name: str, request: Any) -> Any:
                reads = message(f"{name}Response").FromString
                return channel.unary_unary(
                    f"/{SERVICE}/{name}",
                    request_serializer=type(request).SerializeToString,
                    response_deserializer=reads,
                )(request)

            first = call("ModelInfer", question)
            await asyncio.to_thread(stopped.begun.wait, 20)
            with pytest.raises(grpc.aio.AioRpcError) as beyond:
                await call("ModelInfer", question)
            live = (await call("ServerLive", message("ServerLiveRequest")())).live
            stopped.go_on.set()
            answer = await first
        assert server is not None
        await server.stop(5)
        return beyond.value, live, answer

    beyond, live, answer = asyncio.run(exchange())
    assert (beyond.code(), refused) == (grpc.StatusCode.UNAVAILABLE, ["requests"])
    assert "1 requests are being answered" in beyond.details()
    assert (live, answer.model_name) == (True, "tiny")
    models.close()

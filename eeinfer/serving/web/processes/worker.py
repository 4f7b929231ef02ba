"""One process that serves: HTTP and gRPC in one event loop, a scheduler's thread for each model."""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import grpc
import uvicorn
from prometheus_client import CollectorRegistry

from eeinfer.engine import Engine
from eeinfer.serving.observer import Observer
from eeinfer.serving.web.failures import RequestError
from eeinfer.serving.web.http.app import http_app
from eeinfer.serving.web.http.connections import limited
from eeinfer.serving.web.http.inferring import answer_at_once
from eeinfer.serving.web.http.short_way import Company
from eeinfer.serving.web.metrics import Measured, Metrics
from eeinfer.serving.web.models import Models
from eeinfer.serving.web.rpc.app import GrpcApp
from eeinfer.serving.web.settings import ServerSettings
from eeinfer.serving.web.state import State

_LOOKS_EVERY_S = 1.0  # whether a bundle was replaced
_GRACE_S = 1.0  # beyond the drain, for what is on its way to a client
_KEEPS_OPEN_S = 75  # a connection that rests; a proxy in front, which keeps it for 60 s, is to be the first to close it
_BESIDE = (
    2  # times as many calls as inferences at once: of those beyond, `State` refuses and counts, gRPC does not count
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Ports:
    """Where a worker listens."""

    http: socket.socket  # listening, shared by the workers
    grpc: int | None


class _Http(uvicorn.Server):
    """Uvicorn without signal handlers: the worker has its own."""

    def install_signal_handlers(self) -> None:
        """Install none."""


async def serve(settings: ServerSettings, ports: Ports, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    """Load the models and serve until ``stop`` is set; then refuse what comes, and answer what was taken in.

    Raises:
        RequestError: a bundle does not load.
    """
    metrics = Metrics(CollectorRegistry())

    def observe(name: str, engine: Engine) -> Observer:
        return Measured(metrics, name, len(engine.tau))

    models = Models(settings, observe)
    await asyncio.to_thread(models.load_all)
    gc.collect()
    gc.freeze()  # what was loaded stays: looking through it again would hold answers up for milliseconds
    state = State(settings=settings, models=models, turned_away=metrics.count_turned_away)
    http = _http_server(settings, state, partial(metrics.count_turned_away, "connections"))
    rpc = await _grpc_server(settings, state, ports.grpc)
    serving = asyncio.ensure_future(http.serve(sockets=[ports.http]))
    watching = asyncio.ensure_future(_watch(models)) if settings.reload else None
    while not http.started and not serving.done():
        await asyncio.sleep(0.005)
    ready()
    await stop.wait()
    state.draining = True
    if watching is not None:
        watching.cancel()
    http.should_exit = True
    await asyncio.gather(serving, rpc.stop(settings.drain_s) if rpc else asyncio.sleep(0))
    await asyncio.to_thread(models.close)


def _http_server(settings: ServerSettings, state: State, refused: Callable[[], object]) -> uvicorn.Server:
    company = Company(partial(answer_at_once, state), lambda: state.open_requests or state.draining)
    config = uvicorn.Config(
        http_app(state),
        log_config=None,
        access_log=False,
        server_header=False,
        http=limited(settings.connections, settings.body_timeout_s, refused, company),
        timeout_keep_alive=_KEEPS_OPEN_S,
        timeout_graceful_shutdown=round(settings.drain_s + _GRACE_S),
        ssl_certfile=settings.certificate,
        ssl_keyfile=settings.key,
        lifespan="off",
        ws="none",
    )
    return _Http(config)


async def _grpc_server(settings: ServerSettings, state: State, port: int | None) -> grpc.aio.Server | None:
    if port is None:
        return None
    options = [("grpc.max_receive_message_length", settings.max_body_bytes), ("grpc.so_reuseport", 1)]
    server = grpc.aio.server(options=options, maximum_concurrent_rpcs=_BESIDE * settings.concurrency)
    server.add_generic_rpc_handlers((GrpcApp(state).handler(),))
    address = f"{settings.host}:{port}"
    if settings.certificate is not None and settings.key is not None:
        pair = settings.key.read_bytes(), settings.certificate.read_bytes()
        server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
    else:
        server.add_insecure_port(address)
    await server.start()
    return server


async def _watch(models: Models) -> None:
    """Load bundles that were replaced; a broken one is logged, and the old one serves on."""
    while True:
        await asyncio.sleep(_LOOKS_EVERY_S)
        for name in models.replaced():
            await asyncio.to_thread(_load_again, models, name)


def _load_again(models: Models, name: str) -> None:
    try:
        models.load(name)
    except RequestError as error:
        log.error("%s", error)


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    return stop

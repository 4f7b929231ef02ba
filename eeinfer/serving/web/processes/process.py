"""What a worker's process runs."""

import asyncio
import logging
import os
import signal
import socket
import threading
from multiprocessing.connection import Connection

from eeinfer.errors import EeinferError
from eeinfer.serving.opening import take_serving_process
from eeinfer.serving.web.settings import ServerSettings

_OTHER_FILES = 512


def run_worker(settings: ServerSettings, http: socket.socket, grpc_port: int | None, news: Connection) -> None:
    """Serve until SIGTERM; say "ready" or what is wrong through ``news``."""
    from eeinfer.serving.web.processes.logs import structured

    structured()
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    try:
        _own_process(settings)
        asyncio.run(_serve(settings, http, grpc_port, news))
    except EeinferError as error:
        news.send(str(error))
        raise SystemExit(1) from None


async def _serve(settings: ServerSettings, http: socket.socket, grpc_port: int | None, news: Connection) -> None:
    from eeinfer.serving.web.processes.worker import Ports, serve, stop_on_signals

    stop = stop_on_signals()
    await serve(settings, Ports(http=http, grpc=grpc_port), stop, lambda: news.send("ready"))


def _own_process(settings: ServerSettings) -> None:
    """Take this process, which has no other purpose, for its connections and its sessions."""
    _allow_files(settings.connections)
    take_serving_process(
        settings.bundles[0], device=settings.device, threads=settings.threads, backend=settings.backend
    )


def _allow_files(connections: int) -> None:
    """Let the process open as many files as it takes connections: a system's usual limit is lower."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _end_with_parent(parent: int) -> None:
    """A supervisor that is killed takes its workers along: nobody would stop them."""
    while os.getppid() == parent:
        threading.Event().wait(1.0)
    logging.getLogger(__name__).error("the supervisor is gone")
    os.kill(os.getpid(), signal.SIGTERM)

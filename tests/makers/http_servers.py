"""The protocol of `eeinfer serve` over any application, in a thread of this process."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass
class Listening:
    """A server that runs."""

    address: tuple[str, int]
    server: Any  # of uvicorn


@contextmanager
def listening(app: Any, protocol: Any, **settings: Any) -> Iterator[Listening]:
    """Let a server run until the block ends.

    Args:
        app: the ASGI application.
        protocol: what `limited` gives.
        settings: of uvicorn.
    """
    import uvicorn

    from eeinfer.serving.web.processes.sockets import listening as listening_socket

    port = listening_socket("127.0.0.1", 0)
    config = uvicorn.Config(app, http=protocol, lifespan="off", log_config=None, loop="asyncio", **settings)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[port])), daemon=True)
    thread.start()
    try:
        yield Listening(port.getsockname(), server)
    finally:
        server.should_exit = True
        thread.join(10)

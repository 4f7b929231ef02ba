"""A server over HTTP as a target: one event loop in a thread, connections that are kept open."""

import asyncio
import json
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from eeinfer.bench.serving.driving import FAILED, REFUSED, Done
from eeinfer.errors import ConfigError

_OUTPUTS = [{"name": "exit", "parameters": {"binary_data": False}}]


class HttpTarget:
    """Sends requests of one row as binary tensors."""

    def __init__(
        self, url: str, model: str, name: str, images: NDArray[Any], exits: Sequence[int] | None, depth: int
    ) -> None:
        """Prepare the bodies; requests take ``images`` and ``exits`` in turn, as `InProcess` does."""
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ConfigError(f"{url!r} is no address of a server; give one such as http://127.0.0.1:8000")
        self._host, self._port = parts.hostname, parts.port or 80
        self._bodies = [_message(parts.netloc, model, name, image, exit, depth) for image, exit in _each(images, exits)]
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._under_way: set[Future[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def send(self, number: int, done: Done) -> None:
        """Write a request on a connection that is free, or on a new one."""
        exchange = self._exchange(self._bodies[number % len(self._bodies)], done)
        task = asyncio.run_coroutine_threadsafe(exchange, self._loop)
        self._under_way.add(task)  # a task that only its own connection refers to is collected as garbage
        task.add_done_callback(self._under_way.discard)

    def close(self) -> None:
        """Close the connections."""
        asyncio.run_coroutine_threadsafe(self._close_idle(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _exchange(self, message: bytes, done: Done) -> None:
        exit = FAILED
        try:
            reader, writer = await self._connection()
            writer.write(message)
            exit = await _exit(reader)
            self._idle.append((reader, writer))
        except (OSError, EOFError, ValueError):
            pass
        done(exit)

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Take a connection that is free. Servers close those that rest for long."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self._host, self._port)

    async def _close_idle(self) -> None:
        for _, writer in self._idle:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def _exit(reader: asyncio.StreamReader) -> int:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
    body = await reader.readexactly(length)
    status = int(head.split()[1])
    if status != 200:
        return REFUSED if status == 503 else FAILED
    return int(json.loads(body)["outputs"][0]["data"][0])


def _each(images: NDArray[Any], exits: Sequence[int] | None) -> list[tuple[NDArray[Any], int | None]]:
    count = np.lcm(len(images), len(exits)) if exits else len(images)
    count = min(int(count), 256)
    return [(images[i % len(images)], exits[i % len(exits)] if exits else None) for i in range(count)]


def _message(host: str, model: str, name: str, image: NDArray[Any], exit: int | None, depth: int) -> bytes:
    raw = image.tobytes()
    part = {"name": name, "shape": [1, *image.shape], "datatype": "FP32", "parameters": {"binary_data_size": len(raw)}}
    request: dict[str, Any] = {"inputs": [part], "outputs": _OUTPUTS}
    if exit is not None:
        taus = ",".join("0" if k == exit else "1" for k in range(depth))  # as text: Triton takes no list
        request["parameters"] = {"tau": taus}
    body = json.dumps(request).encode()
    head = (
        f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body) + len(raw)}\r\n"
        f"Inference-Header-Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body + raw

"""Reading a body within limits of size and time, and noticing that nobody waits any more."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeAlias, TypeVar

from starlette.types import Receive

from eeinfer.serving.web.failures import RequestError

Headers: TypeAlias = dict[bytes, bytes]
Answer = TypeVar("Answer")

_LOOKS_AFTER_S = 0.05  # that long nobody asks whether the client is still there: most answers are quicker


class Gone(Exception):
    """The client has closed the connection."""


async def whole_body(receive: Receive, headers: Headers, most: int, timeout_s: float) -> bytes:
    """Return the body.

    Raises:
        RequestError: it is larger than ``most`` bytes, or takes too long.
        Gone: the client left in the middle.
    """
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > most:
        raise RequestError(f"the body has {int(length)} bytes; this server takes {most}", status=413)
    try:
        return await asyncio.wait_for(_read(receive, most), timeout_s)
    except asyncio.TimeoutError:
        raise RequestError(f"the body did not arrive within {timeout_s:g} s", status=408) from None


async def _read(receive: Receive, most: int) -> bytes:
    parts, size = [], 0
    while True:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise RequestError(f"the body is larger than the {most} bytes that this server takes", status=413)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def unless_gone(receive: Receive, work: Awaitable[Answer]) -> Answer:
    """Return what ``work`` gives; cancel it where the client closes the connection.

    Raises:
        Gone: it did.
    """
    task = asyncio.ensure_future(work)
    try:
        done, _ = await asyncio.wait({task}, timeout=_LOOKS_AFTER_S)
        if not done:
            await _either(receive, task)
        return await task
    finally:
        task.cancel()


async def _end(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _either(receive: Receive, task: "asyncio.Future[Answer]") -> None:
    gone = asyncio.ensure_future(_end(receive))
    try:
        both: set[asyncio.Future[Any]] = {task, gone}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Gone
    finally:
        gone.cancel()

"""Reading a body within limits of size and time, and noticing that nobody waits any more."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeAlias, TypeVar

from starlette.types import Receive

from eeinfer.serving.web.failures import RequestError

Headers: TypeAlias = dict[bytes, bytes]
Answer = TypeVar("Answer")

MOST_DIGITS = 20  # of a length that are read: Python refuses thousands of them, even zeros
_LOOKS_AFTER_S = 0.05  # that long nobody asks whether the client is still there: most answers are quicker


class Gone(Exception):
    """The client has closed the connection."""


def is_length(digits: str | bytes) -> bool:
    """Whether Python reads it as a number of bytes."""
    return digits.isascii() and digits.isdigit() and len(digits) <= MOST_DIGITS


async def whole_body(receive: Receive, headers: Headers, most: int, timeout_s: float) -> bytes:
    """Return the body.

    Raises:
        RequestError: it is larger than ``most`` bytes, or takes too long.
        Gone: the client left in the middle.
    """
    length = headers.get(b"content-length", b"")
    size = int(length.lstrip(b"0")[:MOST_DIGITS] or 0) if length.isdigit() else 0
    if size > most:
        raise RequestError(f"the body has {size} bytes; this server takes {most}", status=413)
    stop = _Stop()
    timer = asyncio.get_running_loop().call_later(timeout_s, stop)
    try:
        return await _read(receive, most)
    except asyncio.CancelledError:
        if stop.asked:
            raise RequestError(f"the body did not arrive within {timeout_s:g} s", status=408) from None
        raise
    finally:
        timer.cancel()


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
    stop, watches = _Stop(), list[asyncio.Future[None]]()
    timer = asyncio.get_running_loop().call_later(
        _LOOKS_AFTER_S, lambda: watches.append(asyncio.ensure_future(_watch(receive, stop)))
    )
    try:
        return await work
    except asyncio.CancelledError:
        if stop.asked:
            raise Gone from None
        raise
    finally:
        timer.cancel()
        for watch in watches:
            watch.cancel()


class _Stop:
    """Cancels the task that made it: quicker than a task of its own for whatever may be stopped."""

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self.asked = False

    def __call__(self) -> None:
        self.asked = True
        if self._task is not None:
            self._task.cancel()


async def _watch(receive: Receive, stop: _Stop) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stop()

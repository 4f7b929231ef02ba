"""Writing answers: head and body in one piece, and not for ever to somebody who does not read."""

import asyncio
from collections.abc import Callable

_JOINED_BYTES = 64 << 10  # larger bodies go without being copied
_TAKES_BYTES = 16 << 10  # what a client that reads takes within its time, at least


class Together:
    """What an answer is written to: the head waits for what is written in the same turn of the loop."""

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, close: Callable[[], None]
    ) -> None:
        """Take what closes the connection, too."""
        self._transport, self._loop, self._close, self._head = transport, loop, close, b""

    def write(self, data: bytes) -> None:
        """Write, after what waits and together with it."""
        head, self._head = self._head, b""
        if not head:
            self._head = data
            self._loop.call_soon(self._flush)
        elif len(data) <= _JOINED_BYTES:
            self._transport.write(head + data)
        else:
            self._transport.write(head)
            self._transport.write(data)

    def close(self) -> None:
        """Close, once everything is written."""
        self._flush()
        self._close()

    def is_closing(self) -> bool:
        """Tell whether it is closed, or about to be."""
        return self._transport.is_closing()

    def _flush(self) -> None:
        if self._head:
            self._transport.write(self._head)
            self._head = b""


class Reader:
    """Watches over a client whose answer waits here: one that takes less than 16 KiB in its time is cut off."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, timeout_s: float) -> None:
        self._transport, self._loop, self._timeout_s = transport, loop, timeout_s
        self._timer: asyncio.TimerHandle | None = None
        self._left = 0

    def watch(self) -> None:
        """Look again in its time, until `rest` is called."""
        self._left = self._transport.get_write_buffer_size()
        self._timer = self._loop.call_later(self._timeout_s, self._look)

    def rest(self) -> None:
        """Watch no longer: it has taken what there was."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def leave(self) -> None:
        """Close the connection, and forget what was not taken until now: waiting for that could take for ever."""
        if self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._transport.close()

    def _look(self) -> None:
        if self._left - self._transport.get_write_buffer_size() < _TAKES_BYTES:
            self._transport.abort()
        else:
            self.watch()

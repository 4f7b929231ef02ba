"""Connections within limits: of their number, of a request's head in time and size, of the time to take an answer."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from eeinfer.serving.web.http.short_way import Company, ShortWay
from eeinfer.serving.web.http.writing import Reader

_HEAD_BYTES = 64 << 10
_REASONS = {
    400: "Bad Request",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}
_LEAVES_S = 1.0  # a connection beyond the limit that asks nothing


def limited(
    most: int, timeout_s: float, refused: Callable[[], object] = lambda: None, within: Company | None = None
) -> type[asyncio.Protocol]:
    """Return the protocol of a server with ``most`` connections.

    A request on a connection beyond them is answered with 503, and the connection is closed. So is one whose head does
    not arrive within ``timeout_s`` seconds, or is larger than 64 KiB, and one that does not read its answer.

    Args:
        most: connections that are open at the same time.
        timeout_s: for a head to arrive, and for 16 KiB of an answer to be taken.
        refused: called for every request that is answered with 503.
        within: what tells whether requests may go the short way; None: they may not.
    """

    class Limited(ShortWay):
        company = within
        _head = 0  # bytes of a head that is not complete
        _has_more = False  # a message whose head is here: its end is not
        _patience: asyncio.TimerHandle | None = None
        _surplus = _over = False

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            super().connection_made(transport)
            self._reader = Reader(transport, self.loop, timeout_s)
            self._surplus = len(self.connections) > most
            self._patience = self.loop.call_later(_LEAVES_S if self._surplus else timeout_s, self._lose_patience)

        def connection_lost(self, exc: Exception | None) -> None:
            self._be_patient()
            self._reader.rest()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._over:
                return
            if self._surplus:
                refused()
                self._end(503, f"{most} clients are connected, which is as many as are taken; retry")
                return
            if self.cycle is None or self.cycle.response_complete:
                if self._has_more:  # the answer went ahead of the body
                    self._wait()
                else:
                    self._head += len(data)
            super().data_received(data)
            if self._head:
                self._wait()
            if self._head > _HEAD_BYTES:
                self._end(431, f"the head of the request has more than {_HEAD_BYTES} bytes")

        def on_headers_complete(self) -> None:
            self._be_patient()
            self._has_more = True
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._has_more = False
            super().on_message_complete()
            if self._patience is not None:  # of a body whose answer went ahead: from now on the connection rests
                self._be_patient()
                later, leaves = self.timeout_keep_alive, self.timeout_keep_alive_handler
                self.timeout_keep_alive_task = self.loop.call_later(later, leaves)

        def send_400_response(self, msg: str) -> None:
            self._end(400, msg)

        def pause_writing(self) -> None:
            super().pause_writing()
            self._reader.watch()

        def resume_writing(self) -> None:
            super().resume_writing()
            self._reader.rest()

        def timeout_keep_alive_handler(self) -> None:
            self._reader.leave()

        def _wait(self) -> None:
            if self._patience is None:
                self._patience = self.loop.call_later(timeout_s, self._lose_patience)

        def _be_patient(self) -> None:
            if self._patience is not None:
                self._patience.cancel()
            self._patience, self._head = None, 0

        def _lose_patience(self) -> None:
            if self._head:
                self._end(408, f"the head of the request did not arrive within {timeout_s:g} s")
            else:
                self._reader.leave()

        def _end(self, status: int, text: str) -> None:
            self._be_patient()
            if self.cycle is not None and not self.cycle.response_complete:
                self.cycle.disconnected = True  # what it has to say comes too late
                self.cycle.message_event.set()
            body = msgspec.json.encode({"error": text})
            again = "retry-after: 1\r\n" if status == 503 else ""
            head = (
                f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: application/json\r\n{again}"
                f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + body)
            self._leave_within(_LEAVES_S)

        def close(self) -> None:
            if self._has_more:  # the answer went ahead of the body, which may take its time
                self._leave_within(timeout_s)
            else:
                super().close()

        def _leave_within(self, seconds: float) -> None:
            """Close for writing alone at first: closed with something unread, the answer would be lost too."""
            self._over = True
            if self.transport.can_write_eof():
                self.transport.write_eof()
                self.loop.call_later(seconds, self._reader.leave)
            else:
                self.transport.close()

    protocol: Any = Limited
    return protocol  # type: ignore[no-any-return]

"""The short way of a request that nobody competes with: answered in the call of the parser that has read it.

Every other request goes uvicorn's way: a task of its own, which waits for its body and for the scheduler's thread.
"""

from collections.abc import Callable
from http import HTTPStatus
from time import monotonic
from typing import Any, TypeAlias

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from eeinfer.serving.alone import Later
from eeinfer.serving.web.http.inferring import Answer, Headers
from eeinfer.serving.web.http.receive import is_length
from eeinfer.serving.web.http.writing import Together

_MOST_PATH = 1024  # bytes: not even the parser reads endless ones
_MOST_BYTES = 256 << 10  # of a body, which is as much as comes in one piece
_APART_S = 1e-4  # who comes so soon after another client's answer has waited for it, and others may wait too
_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}

Answering: TypeAlias = Callable[[str, Headers, bytes, Later], Answer | None]  # path, head, body; None: nothing was done


class Company:
    """Whether requests of one server come one at a time, and what answers those that do."""

    def __init__(self, answer: Answering, others: Callable[[], int]) -> None:
        """Take what answers a request at once, and what counts those that are being answered."""
        self.answer, self._others = answer, others
        self._last: object = None
        self._since = 0.0

    def is_none(self, client: object) -> bool:
        """Whether a request that comes now from this client has the server to itself."""
        return not self._others() and (self._last is client or monotonic() - self._since >= _APART_S)

    def answered(self, client: object) -> None:
        """Note who was answered just now."""
        self._last, self._since = client, monotonic()


class ShortWay(HttpToolsProtocol):
    """Uvicorn's protocol, with the short way for requests that may take it."""

    company: Company | None = None  # of the server; None: there is no short way
    _held: list[bytes] | None = None  # parts of a body whose way is not decided
    _may = False  # one at most of the requests that come in one piece, for the sake of other clients

    def data_received(self, data: bytes) -> None:
        """Read what has come, and answer a request at once that is whole."""
        self._may = self.company is not None
        super().data_received(data)
        if self._held is not None:
            self._take_long(self._held)

    def on_headers_complete(self) -> None:
        """Begin a request, unless its body may be here in a moment."""
        if self._may and self._is_short():
            self._held = []
        else:
            self._begin()

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        if self._held is None:
            super().on_body(body)
        else:
            self._held.append(body)

    def on_message_complete(self) -> None:
        """Answer what is whole, or let whoever waits for it go on."""
        if self._held is not None:
            if self._is_answered(b"".join(self._held)):
                self._held = None
                return
            self._take_long(self._held)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on to the next request."""
        super().on_response_complete()
        if self.company is not None:
            self.company.answered(self)

    def close(self) -> None:
        """Close the connection behind an answer."""
        self.transport.close()

    def _is_short(self) -> bool:
        company, parser, headers, url = self.company, self.parser, dict(self.headers), self.url
        length = headers.get(b"content-length", b"")
        return (
            company is not None
            and not self.tasks
            and company.is_none(self)
            and url.endswith(b"/infer")
            and url.startswith(b"/v2/")
            and url.isascii()
            and b"%" not in url
            and b"?" not in url
            and b"#" not in url
            and len(url) <= _MOST_PATH
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and is_length(length)
            and int(length) <= _MOST_BYTES
            and not (self.expect_100_continue or self.flow.write_paused or parser.should_upgrade())
        )

    def _is_answered(self, body: bytes) -> bool:
        self._may, later = False, list[Callable[[], None]]()
        assert self.company is not None
        found = self.company.answer(self.url.decode("ascii"), dict(self.headers), body, later.append)
        if found is None:
            return False
        self._write(*found)
        self.on_response_complete()
        for work in later:
            self.loop.call_soon(work)
        return True

    def _take_long(self, parts: list[bytes]) -> None:
        self._held = None
        self._begin()
        for part in parts:
            super().on_body(part)

    def _begin(self) -> None:
        self._unset_keepalive_if_required()  # an answer of the same piece, the short way, let the connection rest
        super().on_headers_complete()
        together: Any = Together(self.transport, self.loop, self.close)  # the cycle asks no more of it
        self.cycle.transport = together

    def _write(self, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        parts, length = [_LINES[status]], (b"content-length", b"%d" % len(body))
        for name, value in (*self.server_state.default_headers, length, *headers):
            parts += (name, b": ", value, b"\r\n")
        self.transport.write(b"".join((*parts, b"\r\n", body)))

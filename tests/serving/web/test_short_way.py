"""The short way: which requests take it, in which order answers come, and that nothing is answered otherwise there."""

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from http_servers import listening

pytest.importorskip("uvicorn")
pytest.importorskip("prometheus_client")

SHORT, LONG = b'{"way":"short"}', b'{"way":"long"}'


def request(body: bytes = b"{}", *, path: str = "/v2/models/m/infer", method: str = "POST", **headers: str) -> bytes:
    extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n{extra}\r\n".encode() + body


@dataclass
class Server:
    address: tuple[str, int]
    go_on: threading.Event  # what the long way waits for
    others: int = 0
    bodies: list[bytes] = field(default_factory=list)  # that took the short way

    def connected(self) -> socket.socket:
        return socket.create_connection(self.address, timeout=10)


@contextmanager
def serving(**settings: Any) -> Iterator[Server]:
    from eeinfer.serving.web.http.connections import limited
    from eeinfer.serving.web.http.short_way import Company

    found = Server(("", 0), threading.Event())
    found.go_on.set()

    def short(path: str, headers: dict[bytes, bytes], body: bytes, later: Any) -> Any:
        if body == b"no":
            return None
        found.bodies.append(body)
        return 200, SHORT, [(b"content-type", b"application/json")]

    async def long(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await asyncio.to_thread(found.go_on.wait, 20)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"14")]})
        await send({"type": "http.response.body", "body": LONG})

    protocol = limited(10, 5.0, within=Company(short, lambda: found.others))
    with listening(long, protocol, **settings) as at:
        found.address = at.address
        yield found
        found.go_on.set()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


def ways(connection: socket.socket, count: int = 1) -> list[str]:
    """The ways of the next answers, in their order."""
    found = b""
    while len(re.findall(rb'"way":"\w+"}', found)) < count:
        part = connection.recv(65536)
        assert part, "the connection was closed before the answer"
        found += part
    return [way.decode() for way in re.findall(rb'"way":"(\w+)"}', found)]


def apart() -> None:
    time.sleep(0.002)


def test_a_request_that_comes_alone_and_whole_takes_it_again_and_again(server: Server) -> None:
    with server.connected() as connection:
        for n in range(50):
            connection.sendall(request(b"%d" % n))
            assert ways(connection) == ["short"]
    assert server.bodies == [b"%d" % n for n in range(50)]


def test_a_body_that_comes_in_pieces_goes_the_long_way_and_the_next_one_the_short(server: Server) -> None:
    with server.connected() as connection:
        whole = request(b"abcdef")
        for at in (len(whole) - 6, len(whole) - 3):
            connection.sendall(whole[:at])
            time.sleep(0.05)
            connection.sendall(whole[at:])
            assert ways(connection) == ["long"]
        connection.sendall(whole)
        assert ways(connection) == ["short"]


def test_what_nothing_was_done_for_goes_the_long_way(server: Server) -> None:
    with server.connected() as connection:
        connection.sendall(request(b"no"))
        assert ways(connection) == ["long"]


@pytest.mark.parametrize(
    "sent",
    [
        request(path="/v2/models/m/ready"),
        request(path="/v2/models/m%20/infer"),
        request(path="/v2/models/m/infer?x=/infer"),
        request(path="/v2/models/m/infer#/infer"),
        request(path=f"/v2/models/{'m' * 2000}/infer"),
        request(path="/v1/models/m/infer"),
        request(method="PUT"),
        request(Connection="close"),
        request(Expect="100-continue"),
        request(Connection="Upgrade", Upgrade="h2c"),
        request().replace(b"HTTP/1.1", b"HTTP/1.0"),
        request().replace(b"Length: ", b"Length: " + b"0" * 5000),
        b"POST /v2/models/m/infer HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ],
)
def test_what_is_unusual_goes_the_long_way(server: Server, sent: bytes) -> None:
    with server.connected() as connection:
        connection.sendall(sent)
        assert ways(connection) == ["long"]


def test_of_requests_that_come_in_one_piece_one_takes_it_and_answers_keep_their_order(server: Server) -> None:
    with server.connected() as connection:
        connection.sendall(request() * 4)
        assert ways(connection, 4) == ["short", "long", "long", "long"]
        apart()
        connection.sendall(request())
        assert ways(connection) == ["short"]


def test_a_connection_does_not_rest_while_a_request_behind_a_short_one_is_answered() -> None:
    with serving(timeout_keep_alive=0.3) as server, server.connected() as connection:
        server.go_on.clear()
        connection.sendall(request() * 2)
        assert ways(connection) == ["short"]
        time.sleep(0.8)  # longer than a connection may rest
        server.go_on.set()
        assert ways(connection) == ["long"]
        assert connection.recv(1) == b""  # now it has rested


def test_while_others_are_answered_requests_go_the_long_way(server: Server) -> None:
    server.go_on.clear()
    with server.connected() as first, server.connected() as second:
        first.sendall(request(path="/v2/models/m/ready"))
        time.sleep(0.05)
        second.sendall(request())
        time.sleep(0.05)
        server.go_on.set()
        assert (ways(first), ways(second)) == (["long"], ["long"])
        apart()
        server.others = 1  # of gRPC
        second.sendall(request())
        assert ways(second) == ["long"]
        server.others = 0
        apart()
        first.sendall(request())
        assert ways(first) == ["short"]


def test_who_comes_right_after_another_clients_answer_has_company() -> None:
    from eeinfer.serving.web.http.short_way import Company

    company, one, other = Company(lambda *_: None, lambda: 0), object(), object()
    assert company.is_none(one)
    company.answered(one)
    assert (company.is_none(one), company.is_none(other)) == (True, False)
    apart()
    assert company.is_none(other)


@dataclass
class Both:
    """The same models behind a server with the short way and one without."""

    short: tuple[str, int]
    long: tuple[str, int]
    taken: list[Any]
    models: Any

    def rest(self) -> None:
        """Wait until nobody is served, and a little longer."""
        ends = time.monotonic() + 20
        while not self.models.get("tiny").scheduler.idle:
            assert time.monotonic() < ends
            time.sleep(0.001)
        apart()


@pytest.fixture(scope="module")
def both(tiny_bundle: Path) -> Iterator[Both]:
    from eeinfer.serving import Observer
    from eeinfer.serving.web.http.app import http_app
    from eeinfer.serving.web.http.connections import limited
    from eeinfer.serving.web.http.inferring import answer_at_once
    from eeinfer.serving.web.http.short_way import Company
    from eeinfer.serving.web.models import Models
    from eeinfer.serving.web.settings import ServerSettings
    from eeinfer.serving.web.state import State

    settings = ServerSettings(bundles=(tiny_bundle,), tau=0.6, token="t", max_body_bytes=4000)
    models = Models(settings, lambda *_: Observer())
    models.load_all()
    state, taken = State(settings=settings, models=models), list[Any]()

    def noted(path: str, headers: Any, body: bytes, later: Callable[..., Any]) -> Any:
        taken.append(answer_at_once(state, path, headers, body, later))
        return taken[-1]

    app, within = http_app(state), Company(noted, lambda: state.open_requests)
    with listening(app, limited(10, 5.0, within=within)) as short, listening(app, limited(10, 5.0)) as long:
        yield Both(short.address, long.address, taken, models)
    models.close()


def exchanged(address: tuple[str, int], sent: bytes) -> tuple[bytes, list[bytes], Any]:
    """The first line, the headers in their order but for the date and lengths, and the body but for its times."""
    with socket.create_connection(address, timeout=10) as connection:
        connection.sendall(sent)
        found = b""
        while b"\r\n\r\n" not in found:
            found += connection.recv(65536)
        head, _, body = found.partition(b"\r\n\r\n")
        length = int(re.search(rb"content-length: (\d+)", head)[1])  # type: ignore[index]  # it has one
        while len(body) < length:
            body += connection.recv(65536)
    line, *headers = head.split(b"\r\n")
    kept = [re.sub(rb"^(date|content-length|inference-\S+): .*", rb"\1", header) for header in headers]
    tail = len(re.sub(rb'"(queue|latency)_ms":[^,}]*', b"", body))
    told = json.loads(body) if body.endswith(b"}") and b"\xff" not in body else tail
    if isinstance(told, dict) and "parameters" in told:
        told["parameters"] = {name: value for name, value in told["parameters"].items() if not name.endswith("_ms")}
    return line, kept, told


IMAGE = np.random.default_rng(0).normal(0, 1, (1, 1, 8, 8)).astype(np.float32)
INPUT = {"name": "input", "shape": [1, 1, 8, 8], "datatype": "FP32"}


def asked(body: Any, raw: bytes = b"", token: str = "t", path: str = "/v2/models/tiny/infer", **more: str) -> bytes:
    encoded = json.dumps(body).encode()
    extra = {"Inference_Header_Content_Length": str(len(encoded))} if raw else {}
    return request(encoded + raw, path=path, authorization=f"Bearer {token}", **extra, **more)


LISTED = {"inputs": [INPUT | {"data": IMAGE.ravel().tolist()}]}
BINARY = {"inputs": [INPUT | {"parameters": {"binary_data_size": 256}}]}
NAN = np.full((1, 1, 8, 8), np.nan, np.float32).tobytes()


@pytest.mark.parametrize(
    ("sent", "status", "is_short"),
    [
        (asked(LISTED), 200, True),
        (asked(LISTED | {"id": "me", "parameters": {"tau": "0,0,0", "deadline_ms": 1000, "priority": 1}}), 200, True),
        (asked(LISTED, path="/v2/models/tiny/versions/1/infer"), 200, True),
        (asked(BINARY, IMAGE.tobytes()), 200, True),
        (asked(BINARY, NAN), 200, True),
        (asked(BINARY | {"outputs": [{"name": "logits", "parameters": {"classification": 2}}]}, NAN), 200, True),
        (asked({"inputs": [INPUT | {"shape": [2, 1, 8, 8], "data": [*range(128)]}]}), 200, False),
        (asked({"inputs": [INPUT | {"shape": [1, 8, 8], "datatype": "UINT8", "data": [*range(64)]}]}), 200, False),
        (asked(LISTED | {"parameters": {"priority": 7}}), 400, False),
        (asked(LISTED | {"parameters": {"deadline_ms": 0}}), 503, False),
        (asked(LISTED | {"parameters": {"tau": 3}}), 400, True),
        (asked(LISTED | {"outputs": [{"name": "nothing"}]}), 400, True),
        (asked({"inputs": [INPUT | {"name": "other", "data": [*range(64)]}]}), 400, False),
        (asked({"inputs": [INPUT | {"data": [1.0]}]}), 400, True),
        (asked("no request"), 400, True),
        (asked(LISTED, token="other"), 401, True),
        (asked(LISTED, path="/v2/models/other/infer"), 404, True),
        (asked(LISTED, path="/v2/models/infer"), 404, True),
        (asked(LISTED, Content_Encoding="gzip"), 415, True),
        (asked(LISTED, Inference_Header_Content_Length="9" * 5000), 400, True),
        (asked(LISTED | {"id": "i" * 4000}), 413, False),
    ],
)
def test_it_answers_as_the_long_way_does(both: Both, sent: bytes, status: int, is_short: bool) -> None:
    both.taken.clear()
    both.rest()
    short, long = exchanged(both.short, sent), exchanged(both.long, sent)
    assert int(long[0].split()[1]) == status
    assert short == long
    assert [found is not None for found in both.taken] == [is_short]

"""Connections within limits: too many, a head that is too slow or too long, and one that is none."""

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

uvicorn = pytest.importorskip("uvicorn")
HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


async def answers(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})


@pytest.fixture(scope="module")
def address() -> Iterator[tuple[str, int]]:
    from eeinfer.serving.web.http.connections import limited

    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(answers, http=limited(3, 0.3), lifespan="off", log_config=None))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listening])), daemon=True)
    thread.start()
    yield listening.getsockname()
    server.should_exit = True
    thread.join(10)


def connected(address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, timeout=10)


def answer(connection: socket.socket) -> tuple[int, Any]:
    """The status and the body of what comes, until the server closes the connection; 0 where nothing came."""
    found = b""
    while part := connection.recv(65536):
        found += part
    return (int(found.split()[1]), json.loads(found.partition(b"\r\n\r\n")[2])) if found else (0, None)


def check_answered(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"\r\n")
    found = b""
    while not found.endswith(b"{}"):
        found += connection.recv(65536)
    assert b" 200 " in found


def test_beyond_the_limit_a_request_is_refused_and_the_others_go_on(address: tuple[str, int]) -> None:
    inside = [connected(address) for _ in range(3)]
    for connection in inside:
        check_answered(connection)
    with connected(address) as surplus:
        surplus.sendall(HEAD + b"\r\n")
        status, body = answer(surplus)
    assert (status, "3 clients are connected" in body["error"]) == (503, True)
    check_answered(inside[0])
    for connection in inside:
        connection.close()


@pytest.mark.parametrize(
    ("sent", "status"),
    [(b"", 0), (HEAD, 408), (HEAD + b"X: " + b"a" * 70_000, 431), (b"no request\r\n\r\n", 400)],
)
def test_a_head_that_is_slow_long_or_none_ends_its_connection(
    address: tuple[str, int], sent: bytes, status: int
) -> None:
    with connected(address) as connection:
        connection.sendall(sent)
        found, body = answer(connection)
    assert found == status
    assert status == 0 or list(body) == ["error"]


def test_what_is_accepted_sends_without_delay() -> None:
    """Answers are written in two parts: with Nagle's delay the second waits 40 ms for the first one's receipt."""
    from eeinfer.serving.web.processes.sockets import listening

    async def delayed() -> int:
        found = asyncio.get_running_loop().create_future()
        port = listening("127.0.0.1", 0)

        def told(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            found.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        async with await asyncio.start_server(told, sock=port):
            _, writer = await asyncio.open_connection(*port.getsockname())
            writer.close()
            return int(await found)

    assert asyncio.run(delayed())

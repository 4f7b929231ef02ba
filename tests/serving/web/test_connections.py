"""Connections within limits: too many, a head that is too slow or too long, and one that is none."""

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from http_servers import listening

pytest.importorskip("uvicorn")
HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


SMALL, LARGE = b"{}", bytes(24 << 20)  # the second is more than the system's buffers take


async def answers(scope: Any, receive: Any, send: Any) -> None:
    body = LARGE if scope["path"] == "/large" else SMALL
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


@dataclass
class Limited:
    address: tuple[str, int]
    server: Any
    refused: list[None]


@contextmanager
def listening_for(timeout_s: float, **settings: Any) -> Iterator[Limited]:
    from eeinfer.serving.web.http.connections import limited

    refused: list[None] = []
    with listening(answers, limited(3, timeout_s, lambda: refused.append(None)), **settings) as found:
        yield Limited(found.address, found.server, refused)


@pytest.fixture(scope="module")
def three() -> Iterator[Limited]:
    with listening_for(0.3) as found:
        yield found


@pytest.fixture(scope="module")
def address(three: Limited) -> tuple[str, int]:
    return three.address


def connected(address: tuple[str, int]) -> socket.socket:
    return socket.create_connection(address, timeout=10)


def answer(connection: socket.socket) -> tuple[int, Any]:
    """The status and the body of what comes, until the server closes the connection; 0 where nothing came."""
    found = b""
    while part := connection.recv(65536):
        found += part
    return (int(found.split()[1]), json.loads(found.partition(b"\r\n\r\n")[2])) if found else (0, None)


def check_answered(connection: socket.socket, sent: bytes = HEAD + b"\r\n") -> None:
    connection.sendall(sent)
    found = b""
    while not found.endswith(b"}"):
        part = connection.recv(65536)
        assert part, "the connection was closed before the answer"
        found += part
    assert b" 200 " in found


def test_beyond_the_limit_a_request_is_refused_and_counted_and_the_others_go_on(three: Limited) -> None:
    address, before = three.address, len(three.refused)
    inside = [connected(address) for _ in range(3)]
    for connection in inside:
        check_answered(connection)
    with connected(address) as surplus:
        surplus.sendall(HEAD + b"\r\n")
        status, body = answer(surplus)
    assert (status, "3 clients are connected" in body["error"]) == (503, True)
    assert len(three.refused) == before + 1
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


AHEAD = HEAD.replace(b"GET", b"POST") + b"Content-Length: 300000\r\n\r\n" + bytes(100_000)


def test_the_rest_of_a_body_that_was_answered_before_it_came_is_no_head(address: tuple[str, int]) -> None:
    with connected(address) as connection:
        check_answered(connection, AHEAD)
        for _ in range(2):
            time.sleep(0.02)
            connection.sendall(bytes(100_000))
        check_answered(connection)
        check_answered(connection, AHEAD)
        check_answered(connection, bytes(200_000) + HEAD + b"\r\n")


@pytest.mark.parametrize("rest", [1, 200_000])
def test_a_connection_whose_answer_went_ahead_of_the_body_is_closed_without_another_answer(rest: int) -> None:
    limits = {1: (0.3, 20), 200_000: (20, 0.3)}  # for what comes slowly, and for whoever rests
    with listening_for(limits[rest][0], timeout_keep_alive=limits[rest][1]) as found, connected(found.address) as one:
        check_answered(one, AHEAD)
        one.sendall(bytes(rest))
        began = time.monotonic()
        assert answer(one) == (0, None)
        assert time.monotonic() - began > 0.2


LAST = AHEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)


def test_whoever_sends_on_after_an_answer_that_closes_can_read_it(address: tuple[str, int]) -> None:
    with connected(address) as connection:
        connection.sendall(LAST)
        for _ in range(4):
            time.sleep(0.05)  # the server has answered, and had closed the connection: what comes then resets it
            connection.sendall(bytes(50_000))
        assert answer(connection) == (200, {})


@pytest.mark.parametrize("rest", [0, 200_000])
def test_a_connection_is_let_go_after_the_answer_that_closes_though_the_client_stays(rest: int) -> None:
    with listening_for(0.3) as found, connected(found.address) as one:
        one.sendall(LAST + bytes(rest))
        assert answer(one) == (200, {})
        until = time.monotonic() + 10
        while (open_ones := found.server.server_state.connections) and time.monotonic() < until:
            time.sleep(0.02)
        assert not open_ones


def test_what_is_accepted_sends_without_delay() -> None:
    """Large answers are written in two parts: with Nagle's delay the second waits 40 ms for the first one's receipt."""
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


def test_head_and_body_come_in_one_piece(address: tuple[str, int]) -> None:
    for _ in range(20):
        with connected(address) as connection:
            connection.sendall(HEAD + b"\r\n")
            assert connection.recv(65536).endswith(b"\r\n\r\n{}")


def test_requests_that_come_together_are_answered_in_their_order(address: tuple[str, int]) -> None:
    with connected(address) as connection:
        connection.sendall((HEAD + b"\r\n") * 3)
        found = b""
        while found.count(b"{}") < 3:
            found += connection.recv(65536)
    assert found.count(b"HTTP/1.1 200") == 3


def until_nobody_is_connected(server: Any) -> None:
    ends = time.monotonic() + 20
    while server.server_state.connections or server.server_state.tasks:
        assert time.monotonic() < ends
        time.sleep(0.02)


@pytest.mark.parametrize("requests", [1, 3])
def test_who_does_not_read_an_answer_is_cut_off(three: Limited, requests: int) -> None:
    until_nobody_is_connected(three.server)
    with connected(three.address) as connection:
        connection.sendall(HEAD.replace(b"/", b"/large", 1) + b"\r\n" + (HEAD + b"\r\n") * (requests - 1))
        until_nobody_is_connected(three.server)  # while it still holds its end open
    with connected(three.address) as connection:
        check_answered(connection)


def test_who_reads_slowly_gets_everything() -> None:
    with listening_for(1.0) as slow, connected(slow.address) as connection:
        connection.sendall(HEAD.replace(b"/", b"/large", 1) + b"\r\n")
        found = 0
        while found < len(LARGE):
            found += len(connection.recv(1 << 20))
            time.sleep(0.05)
        connection.sendall(HEAD + b"\r\n")
        assert connection.recv(65536).endswith(b"{}")

"""Damaged requests over HTTP and gRPC: whatever comes, no crash and no failure of the server's own.

For longer than the suite takes: ``EEINFER_FUZZ_SECONDS=600 EEINFER_FUZZ_SEED=1 pytest tests/serving/web/test_fuzz.py``.
"""

import json
import os
import random
import socket
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import damage
import numpy as np
import pytest
import servers

SECONDS = float(os.environ.get("EEINFER_FUZZ_SECONDS", "3"))
SEED = int(os.environ.get("EEINFER_FUZZ_SEED", "0"))
FEWEST = 150  # requests, however slow the machine is
REFUSALS = {400, 401, 404, 405, 408, 411, 413, 415, 431, 503}


@pytest.fixture
def fuzzed(tiny_bundle: Path) -> Any:
    with servers.serving(tiny_bundle, "--max-batch", "4", "--max-body-mb", "1", "--threads", "1") as found:
        [worker] = found.workers()
        yield found
        assert found.workers() == [worker]
        assert not [line for line in found.log if '"error"' in line]


def answered(server: servers.Server) -> bool:
    """Whether a good request is answered still."""
    url = f"http://{server.http}/v2/models/tiny/infer"
    with urllib.request.urlopen(url, damage.GOOD, timeout=20) as reply:
        return len(json.loads(reply.read())["outputs"]) == 3


def exchanged(server: servers.Server, sent: bytes) -> tuple[int, bytes]:
    """The status and the body of the first answer; 0 where none came: the server closed the connection or waits on."""
    host, port = server.http.split(":")
    found, head, body, length = b"", b"", b"", 0
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        try:
            connection.sendall(sent)
            connection.settimeout(0.3)
            while not head or len(body) < length:
                part = connection.recv(1 << 16)
                if not part:
                    break
                found += part
                head, _, body = found.partition(b"\r\n\r\n") if b"\r\n\r\n" in found else (b"", b"", b"")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        except (ConnectionError, TimeoutError):
            pass
    return (int(head.split()[1]), body[:length]) if head else (0, b"")


def test_damaged_requests_over_http(fuzzed: servers.Server) -> None:
    rng, seen, until = random.Random(SEED), Counter[int](), time.monotonic() + SECONDS
    while time.monotonic() < until or seen.total() < FEWEST:
        sent = damage.http_request(rng)
        status, body = exchanged(fuzzed, sent)
        seen[status] += 1
        assert status in REFUSALS | {0, 200}, (status, body, sent)
        if status in REFUSALS and len(body) and sent.count(b"HTTP/1.1") == 1:
            assert list(json.loads(body)) == ["error"], (body, sent)
    assert answered(fuzzed)
    assert seen[400] > seen.total() / 4
    assert seen[200] > 0
    print("over HTTP:", dict(seen))


def test_damaged_requests_over_grpc(fuzzed: servers.Server) -> None:
    grpc = pytest.importorskip("grpc")
    allowed = {"OK", "INVALID_ARGUMENT", "NOT_FOUND", "RESOURCE_EXHAUSTED", "UNAVAILABLE", "UNIMPLEMENTED"}
    rng, seen, until = random.Random(SEED), Counter[str](), time.monotonic() + SECONDS
    with grpc.insecure_channel(fuzzed.grpc) as channel:
        calls = {name: channel.unary_unary(f"/inference.GRPCInferenceService/{name}") for name in damage.METHODS}
        while time.monotonic() < until or seen.total() < FEWEST:
            method, sent = damage.grpc_request(rng)
            try:
                calls[method](sent, timeout=20)
                status = "OK"
            except grpc.RpcError as error:
                status = error.code().name
            seen[status] += 1
            assert status in allowed, (method, status, sent)
    assert answered(fuzzed)
    assert seen["INVALID_ARGUMENT"] > seen.total() / 4
    print("over gRPC:", dict(seen))


def test_the_damage_is_the_seeds() -> None:
    one, other = (np.array([len(damage.http_request(random.Random(seed))) for seed in range(50)]) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert len(set(one.tolist())) > 20

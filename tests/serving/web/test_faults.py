"""Bad input over HTTP: each gets the protocol's error form and the right status, and the server serves on."""

import http.client
import io
import json
import re
import socket
import struct
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import servers

GOOD = {"inputs": [{"name": "input", "shape": [1, 1, 8, 8], "datatype": "FP32", "data": [0.5] * 64}]}
INFER = "/v2/models/tiny/infer"
FORM = b'--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n\x89PNG\r\n--x--\r\n'


def ask(
    server: servers.Server, path: str, body: bytes | None = None, method: str | None = None, **headers: str
) -> tuple[int, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(f"http://{server.http}{path}", body, named, method=method)
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def with_input(**changes: Any) -> bytes:
    return json.dumps({"inputs": [GOOD["inputs"][0] | changes]}).encode()


def png_bomb(side: int) -> bytes:
    """A grey PNG of side x side pixels in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes(side + 1) * side, 9)
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "no inference request"),
        (b"{", "no inference request"),
        (b"[1, 2]", "no inference request"),
        (b"\xff\xfe{}", "no inference request"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "the body is an image file as it is, and no inference request: an image"),
        (FORM, "the body is a form in several parts, as curl -F sends it, and no inference request: an image"),
        (FORM, '"datatype": "BYTES", "data": ["the file in base64"]}]}; GET /v2/models/tiny tells'),
        (b"image=photo.png", "the body is a form, and no inference request: an image file goes as JSON"),
        (b'{"instances": [{"b64": "iVBO"}]}', "image files as BYTES in base64; GET /v2/models/tiny tells"),
        (b'{"inputs": {}}', "inputs is an object where a list belongs"),
        (with_input(datatype=["FP32"]), "inputs[0].datatype is a list where a text belongs"),
        (with_input(datatype="[FP32]"), "datatype '[FP32]': did you mean 'FP32'? known are BOOL"),
        (with_input(datatype="float32"), "datatype 'float32': did you mean 'FP32'?"),
        (with_input(data="iVBORw0KGgo="), "equal rows: texts are image files in base64, of the datatype BYTES"),
        (with_input(data=["iVBORw0KGgo="]), "equal rows: texts are image files in base64, of the datatype BYTES"),
        (with_input(datatype="BYTES", data=["iVBO"]), "of image files it says how many there are, such as [1]"),
        (with_input(datatype="BYTES", shape=[1], data=["data:image/png;base64,iVBO"]), "without data:image/... before"),
        (b"[" * 100_000, "no inference request"),
        (b'{"inputs": []}', "the inputs given are none"),
        (b'{"inputs": [{"name": 5}]}', "no inference request"),
        (with_input(name="other"), "the bundle reads 'input'"),
        (with_input(datatype="FP128"), "datatype 'FP128'"),
        (with_input(datatype="FP64"), "dtype float64"),
        (with_input(shape=[1, 64]), "the network reads float32"),
        (with_input(shape=[2, 1, 8, 8]), "takes 128"),
        (with_input(shape=[0, 1, 8, 8], data=[]), "the batch is empty"),
        (with_input(shape=[-1, 1, 8, 8]), "has the shape"),
        (with_input(shape=[1 << 40, 1 << 40]), "takes"),
        (with_input(shape=[]), "has the shape"),
        (with_input(shape=[1 << 62, 58, 0], data=[]), "which no tensor can have"),
        (with_input(shape=[1] * 70, data=[0.5]), "give the batch and the sizes of a row"),
        (with_input(data=[[0.5] * 63, [0.5]]), "equal rows"),
        (with_input(data=["0.5"] * 64), "not FP32 numbers"),
        (with_input(data=None), "not FP32 numbers"),
        (with_input(datatype="UINT8", data=[300] * 64), "holds a number that UINT8 does not"),
        (with_input(datatype="BYTES", shape=[1], data=["%%%"]), "base64"),
        (with_input(parameters={"binary_data_size": 256}), "0 are left"),
        (with_input(parameters={"binary_data_size": -1}), "binary bytes"),
        (json.dumps({"inputs": GOOD["inputs"] * 2}).encode(), "comes twice"),
        (json.dumps(GOOD | {"parameters": {"tau": "high"}}).encode(), "tau is 'high'"),
        (json.dumps(GOOD | {"parameters": {"tau": [0.1]}}).encode(), "tau is a list of 1; give one number"),
        (json.dumps(GOOD | {"parameters": {"priority": 9}}).encode(), "priority is 9"),
        (
            json.dumps(GOOD | {"outputs": [{"name": "logits", "parameters": {"classification": 99}}]}).encode(),
            "classes",
        ),
    ],
)
def test_a_bad_body_is_refused_with_its_reason(server: servers.Server, body: bytes, text: str) -> None:
    status, reply = ask(server, INFER, body, "POST")
    assert status == 400
    assert text in reply["error"]


def test_an_inference_without_post_is_told_how_to_ask(server: servers.Server) -> None:
    status, reply = ask(server, INFER)
    assert (status, reply["error"]) == (405, "an inference is asked for with POST, not GET")


def test_truncated_and_surplus_binary_parts_are_refused(server: servers.Server) -> None:
    part = GOOD["inputs"][0] | {"parameters": {"binary_data_size": 256}}
    del part["data"]
    head, raw = json.dumps({"inputs": [part]}).encode(), np.full(64, 0.5, np.float32).tobytes()
    length = str(len(head))
    status, _ = ask(server, INFER, head + raw, Inference_Header_Content_Length=length)
    assert status == 200
    for body, told in (
        (head + raw[:-1], length),
        (head + raw + b"x", length),
        (head + raw, "9999"),
        (head + raw, "-1"),
    ):
        status, reply = ask(server, INFER, body, Inference_Header_Content_Length=told)
        assert (status, list(reply)) == (400, ["error"])


def test_large_bodies_and_images_are_refused_before_they_take_memory(server: servers.Server) -> None:
    with closing(http.client.HTTPConnection(server.http, timeout=20)) as connection:
        connection.putrequest("POST", INFER)  # answered before the body is sent
        connection.putheader("Content-Length", str(2 << 20))
        connection.endheaders()
        refused = connection.getresponse()
        assert (refused.status, "1048576" in json.loads(refused.read())["error"]) == (413, True)
    bomb = png_bomb(12_000)
    assert len(bomb) < 1 << 20
    head = json.dumps(
        {
            "inputs": [
                {
                    "name": "input",
                    "shape": [1],
                    "datatype": "BYTES",
                    "parameters": {"binary_data_size": len(bomb) + 4},
                }
            ]
        }
    ).encode()
    body = head + struct.pack("<I", len(bomb)) + bomb
    status, reply = ask(server, INFER, body, Inference_Header_Content_Length=str(len(head)))
    assert (status, "144,000,000 pixels" in reply["error"]) == (400, True)


def test_unknown_paths_methods_and_versions(server: servers.Server) -> None:
    good = json.dumps(GOOD).encode()
    for path, body, method, wanted in (
        ("/", None, "DELETE", 405),
        ("/v2/nothing", None, "GET", 404),
        ("/v2/models/nobody", None, "GET", 404),
        ("/v2/models/nobody/infer", good, "POST", 404),
        ("/v2/models/tiny/versions/77/infer", good, "POST", 404),
        ("/v2/models/tiny/versions/1/more/infer", good, "POST", 404),
        (INFER, None, "GET", 405),
        ("/v2/repository/models/nobody/load", b"", "POST", 404),
        ("/v2/repository/index", b"[", "POST", 400),
        ("/v2/repository/index", b'{"a\xb1": 1}', "POST", 400),
        ("/v2/repository/index", b"[" * 100_000, "POST", 400),
    ):
        status, reply = ask(server, path, body, method)
        assert (status in {wanted, 404}, list(reply)) == (True, ["error"]), path
    status, _ = ask(server, INFER, good, Content_Encoding="gzip")
    assert status == 415


def raw_exchange(server: servers.Server, sent: bytes) -> bytes:
    host, port = server.http.split(":")
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        found = b""
        while part := connection.recv(65536):
            found += part
        return found


def test_smuggled_and_broken_requests_are_refused(server: servers.Server) -> None:
    head = f"POST {INFER} HTTP/1.1\r\nHost: x\r\n".encode()
    for more in (
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /v2 HTTP/1.1\r\n\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"Content-Length: -5\r\n\r\n",
        b"Content Length: 5\r\n\r\nhello",
        b"\x00\x01: y\r\n\r\n",
    ):
        found = raw_exchange(server, head + more)
        assert found == b"" or found.split()[1] == b"400", more
    assert ask(server, "/v2/health/live")[0] == 200


def test_who_leaves_in_the_middle_disturbs_nobody(server: servers.Server) -> None:
    host, port = server.http.split(":")
    good = json.dumps(GOOD).encode()
    for sent in (good[:10], good):
        for _ in range(20):
            with socket.create_connection((host, int(port)), timeout=20) as connection:
                connection.sendall(f"POST {INFER} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(good)}\r\n\r\n".encode())
                connection.sendall(sent)
    status, reply = ask(server, INFER, good)
    assert (status, [output["name"] for output in reply["outputs"]]) == (200, ["prediction", "score", "exit"])


def test_a_row_that_is_not_finite_has_no_answer_and_no_invalid_json(server: servers.Server) -> None:
    body = with_input(shape=[2, 1, 8, 8], data=[[0.5] * 64, [1e39] * 64])
    status, reply = ask(server, INFER, body)
    found = {output["name"]: output["data"] for output in reply["outputs"]}
    assert (status, found["exit"][1], found["prediction"][1], found["score"][1]) == (200, -1, -1, None)
    assert found["prediction"][0] >= 0


def test_metrics_count_what_happened(server: servers.Server) -> None:
    ask(server, INFER, json.dumps(GOOD).encode())
    with urllib.request.urlopen(f"http://{server.metrics}/metrics", timeout=20) as reply:
        text = reply.read().decode()
    for name in ("requests_total", "exits_total", "batch_rows_count", "queue_seconds_count", "latency_seconds_count"):
        lines = [line for line in io.StringIO(text) if line.startswith(f"eeinfer_{name}{{") and "tiny" in line]
        assert sum(float(line.rsplit(" ", 1)[1]) for line in lines) >= 1, name


def test_a_deadline_over_the_wire_is_kept_or_refused_at_once(server: servers.Server) -> None:
    status, reply = ask(server, INFER, json.dumps(GOOD | {"parameters": {"deadline_ms": 10_000}}).encode())
    assert (status, reply["parameters"]["late"]) == (200, False)
    assert 0 <= reply["parameters"]["queue_ms"] <= reply["parameters"]["latency_ms"]
    status, reply = ask(server, INFER, json.dumps(GOOD | {"parameters": {"deadline_ms": 1e-6}}).encode())
    assert (status, "after the deadline" in reply["error"]) == (503, True)


@contextmanager
def the_only_client(server: servers.Server) -> Iterator[None]:
    """Hold the one connection that a server takes, as soon as it has seen the client before go."""
    host, port = server.http.split(":")
    for _ in range(200):
        with socket.create_connection((host, int(port)), timeout=20) as held:
            held.sendall(f"GET /v2/health/live HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            if held.recv(1 << 16).startswith(b"HTTP/1.1 200"):
                yield
                return
        time.sleep(0.05)
    raise AssertionError("no connection was free within ten seconds")


def test_who_is_turned_away_by_a_limit_is_counted(tiny_bundle: Path) -> None:
    with servers.serving(tiny_bundle, "--connections", "1", "--max-body-mb", "1") as narrow:
        large, _ = ask(narrow, INFER, b" " * (1 << 20) + json.dumps(GOOD).encode())
        with the_only_client(narrow):
            status, reply = ask(narrow, "/v2/health/live")
        with urllib.request.urlopen(f"http://{narrow.metrics}/metrics", timeout=20) as found:
            text = found.read().decode()
    assert (status, "1 clients are connected" in reply["error"]) == (503, True)
    assert large == 413
    counted = dict(re.findall(r'(?m)^eeinfer_turned_away_total\{limit="(\w+)"\} (\S+)$', text))
    assert (counted["requests"], counted["body"]) == ("0.0", "1.0")
    assert float(counted["connections"]) >= 1  # more, where the server took a while to see the first client go

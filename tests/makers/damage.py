"""Requests that are damaged at random: their bytes, the values in their JSON, the lengths that they tell."""

import io
import json
import random
import struct
from copy import deepcopy
from typing import Any

import numpy as np
from PIL import Image

METHODS = ("ModelInfer", "ModelMetadata", "ModelReady", "RepositoryIndex", "ServerMetadata", "RepositoryModelLoad")
INPUT = {"name": "input", "shape": [1, 1, 8, 8], "datatype": "FP32"}
GOOD = json.dumps({"inputs": [INPUT | {"data": [0.5] * 64}]}).encode()
PATHS = ("/v2/models/tiny/infer",) * 12 + (
    "/v2/models/tiny/versions/1/infer",
    "/v2/models/tiny",
    "/v2/repository/index",
    "/v2/models/%00/infer",
    "/v2/models/" + "x" * 300 + "/infer",
    "/live",
)
STRANGE = (
    *(
        None,
        True,
        -1,
        0,
        1 << 62,
        1 << 70,
        -(1 << 63),
        0.5,
        1e308,
        -1e400,
        "",
        "tiny",
        "0.5,0.5,0.5",
        "\u0000",
        "x" * 999,
    ),
    *(
        [],
        {},
        [[]],
        [1, [2]],
        {"a": 1},
        [None],
        ["0"],
        [1 << 70],
        [[[[[[[[[[1]]]]]]]]]],
        "UINT8",
        "BYTES",
        "BOOL",
        "FP16",
    ),
)
_RAW = np.full(64, 0.5, np.float32).tobytes()


def _png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8)).save(buffer, "PNG")
    return buffer.getvalue()


_PNG = _png()


def http_request(rng: random.Random) -> bytes:
    """A request over HTTP, most of them with something wrong."""
    head, tail = _json_and_binary(rng)
    body, length = head + tail, len(head)
    if rng.random() < 0.4:
        body = _bytes(rng, body)
    lines = [f"POST {rng.choice(PATHS)} HTTP/1.1", "Host: x"]
    told = len(body) if rng.random() < 0.9 else rng.choice([0, -1, len(body) + 9, 1 << 40, "x", "0x10"])
    lines.append(f"Content-Length: {told}")
    if tail or rng.random() < 0.1:
        told = length if rng.random() < 0.8 else rng.choice([0, -1, length + 1, length - 1, 1 << 70, "x", ""])
        lines.append(f"Inference-Header-Content-Length: {told}")
    if rng.random() < 0.05:
        lines.append(rng.choice(["Transfer-Encoding: chunked", "Content-Encoding: gzip", "A B: c"]))
    request = "\r\n".join(lines).encode() + b"\r\n\r\n" + body
    return _bytes(rng, request) if rng.random() < 0.1 else request


def grpc_request(rng: random.Random) -> tuple[str, bytes]:
    """A method and the bytes of its message."""
    from eeinfer.serving.web.rpc.messages import message

    method = rng.choice(METHODS) if rng.random() < 0.2 else "ModelInfer"
    if method != "ModelInfer":
        return method, bytes(rng.randbytes(rng.randrange(30)))
    request = message("ModelInferRequest")(model_name=rng.choice(["tiny"] * 9 + ["", "x"]))
    part = request.inputs.add(
        name=rng.choice(["input"] * 9 + [""]), datatype=rng.choice(["FP32"] * 5 + ["BYTES", "UINT8", ""])
    )
    part.shape.extend(rng.choice([[1, 1, 8, 8]] * 5 + [[1], [-1, 64], [1 << 40, 1 << 40], []]))
    if rng.random() < 0.7:
        request.raw_input_contents.append(
            rng.choice([_RAW] * 4 + [_RAW[:-1], b"", struct.pack("<I", len(_PNG)) + _PNG])
        )
    else:
        part.contents.fp32_contents.extend([0.5] * rng.choice([64, 63, 0]))
    if rng.random() < 0.2:
        request.parameters[rng.choice(["tau", "priority", "deadline_ms", "x"])].string_param = rng.choice(
            ["0.5", "-1", "x"]
        )
    raw = request.SerializeToString()
    return method, _bytes(rng, raw) if rng.random() < 0.5 else raw


def _json_and_binary(rng: random.Random) -> tuple[bytes, bytes]:
    kind = rng.randrange(4)
    if kind == 0:
        part, tail = INPUT | {"data": [0.5] * 64}, b""
    elif kind == 1:
        part, tail = INPUT | {"parameters": {"binary_data_size": len(_RAW)}}, _RAW
    else:
        tail = struct.pack("<I", len(_PNG)) + (_bytes(rng, _PNG) if kind == 3 else _PNG)
        part = INPUT | {"datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": len(tail)}}
    request: Any = {"inputs": [part], "outputs": [{"name": "logits", "parameters": {"classification": 2}}]}
    request["parameters"] = {"tau": [0.5, 0.5, 0.5], "deadline_ms": 50, "priority": 2}
    request = deepcopy(request)
    for _ in range(rng.choice([0, 1, 1, 2])):
        _change(rng, request)
    return json.dumps(request).encode(), tail


def _change(rng: random.Random, node: Any) -> None:
    """Replace a value somewhere below, take one out, or add one."""
    key = rng.choice(list(node) if isinstance(node, dict) else list(range(len(node)))) if len(node) else None
    if key is not None and isinstance(node[key], (dict, list)) and len(node[key]) and rng.random() < 0.7:
        _change(rng, node[key])
    elif key is not None and rng.random() < 0.8:
        node[key] = deepcopy(rng.choice(STRANGE))
    elif key is not None and rng.random() < 0.5:
        del node[key]
    elif isinstance(node, dict):
        node[rng.choice(["tau", "id", "data", "x"])] = deepcopy(rng.choice(STRANGE))
    else:
        node.append(deepcopy(rng.choice(STRANGE)))


def _bytes(rng: random.Random, raw: bytes) -> bytes:
    """Flip, cut out, double, insert or cut off bytes."""
    for _ in range(rng.randrange(1, 4)):
        at, size = rng.randrange(len(raw) + 1), rng.randrange(1, 9)
        kind = rng.randrange(5)
        if kind == 0 and at < len(raw):
            raw = raw[:at] + bytes([raw[at] ^ (1 << rng.randrange(8))]) + raw[at + 1 :]
        elif kind == 1:
            raw = raw[:at] + raw[at + size :]
        elif kind == 2:
            raw = raw[:at] + raw[at : at + size] * 2 + raw[at + size :]
        elif kind == 3:
            raw = raw[:at] + rng.randbytes(size) + raw[at:]
        elif rng.random() < 0.3:
            raw = raw[:at]
    return raw

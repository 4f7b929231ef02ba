"""Bodies of the protocol over HTTP: JSON, and binary tensors behind it."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from eeinfer.serving.web.calls import Call, Given, Reply, Wanted, options
from eeinfer.serving.web.datatypes import (
    BYTES,
    checked_shape,
    datatype_of,
    from_bytes,
    from_numbers,
    to_bytes,
)
from eeinfer.serving.web.failures import RequestError
from eeinfer.serving.web.http.hints import instead
from eeinfer.serving.web.http.receive import is_length
from eeinfer.serving.web.http.text_elements import as_elements

HEADER_LENGTH = "Inference-Header-Content-Length"

Parameters = Mapping[str, Any]


class _Input(msgspec.Struct):
    name: str
    shape: list[int]
    datatype: str
    parameters: Parameters = {}
    data: Any = msgspec.UNSET


class _Output(msgspec.Struct):
    name: str
    parameters: Parameters = {}


class _Body(msgspec.Struct):
    inputs: list[_Input]
    id: str = ""
    parameters: Parameters = {}
    outputs: list[_Output] = []


_decode = msgspec.json.Decoder(_Body).decode
_encode = msgspec.json.Encoder().encode


def read_call(body: bytes, header_length: str | None, model: str, version: str, client: str) -> Call:
    """Read an inference request.

    Args:
        body: the JSON, with the binary tensors behind it.
        header_length: how long the JSON is, where there are some.
        model: its name, from the path.
        version: from the path; empty takes the one that is served.
        client: who asks.

    Raises:
        RequestError: it is not what the protocol says.
    """
    json, binary = _parted(body, header_length)
    try:
        parsed = _decode(json)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(instead(body, error, model)) from error
    inputs, at = [], 0
    for part in parsed.inputs:
        size = part.parameters.get("binary_data_size")
        raw = None
        if size is not None:
            if type(size) is not int or not 0 <= size <= len(binary) - at:
                raise RequestError(f"input {part.name!r} has {size!r} binary bytes, and {len(binary) - at} are left")
            raw, at = binary[at : at + size], at + size
        inputs.append(_given(part, raw))
    if at != len(binary):
        raise RequestError(f"{len(binary) - at} bytes follow the tensors that the request names")
    everything = bool(parsed.parameters.get("binary_data_output", False))
    outputs = tuple(_wanted(part, everything) for part in parsed.outputs)
    if not outputs and everything:
        outputs = tuple(Wanted(name=name, binary=True) for name in ("prediction", "score", "exit"))
    found = options(parsed.parameters)
    names = [given.name for given in inputs]
    if len(set(names)) < len(names):
        raise RequestError(f"an input comes twice: {', '.join(map(repr, names))}")
    return Call(
        model=model, version=version, id=parsed.id, inputs=tuple(inputs), outputs=outputs, client=client, **found
    )


def _parted(body: bytes, header_length: str | None) -> tuple[memoryview, memoryview]:
    whole = memoryview(body)
    if header_length is None:
        return whole, whole[:0]
    if not (is_length(header_length) and int(header_length) <= len(body)):
        raise RequestError(f"{HEADER_LENGTH} is {header_length[:80]!r}; the body has {len(body)} bytes")
    return whole[: int(header_length)], whole[int(header_length) :]


def _given(part: _Input, raw: memoryview | None) -> Given:
    shape = checked_shape(part.name, part.shape)
    if (raw is None) == (part.data is msgspec.UNSET):
        raise RequestError(f"input {part.name!r} needs either data or binary_data_size")
    if raw is not None:
        data = from_bytes(part.name, part.datatype, shape, raw)
    elif part.datatype == BYTES:
        data = as_elements(part.name, shape, part.data)
    else:
        data = from_numbers(part.name, part.datatype, shape, part.data)
    return Given(name=part.name, datatype=part.datatype, data=data)


def _wanted(part: _Output, everything: bool) -> Wanted:
    classes = part.parameters.get("classification", 0)
    if type(classes) is not int or classes < 0:
        raise RequestError(f"classification is {classes!r}; give how many classes")
    return Wanted(name=part.name, classes=classes, binary=bool(part.parameters.get("binary_data", everything)))


def write_reply(reply: Reply) -> tuple[bytes, int | None]:
    """Return the body, and how long its JSON is where binary tensors follow."""
    outputs, tail = [], []
    for wanted, array in reply.outputs:
        output: dict[str, Any] = {
            "name": wanted.name,
            "datatype": datatype_of(array),
            "shape": array.shape,
        }
        if wanted.binary:
            tail.append(to_bytes(array))
            output["parameters"] = {"binary_data_size": len(tail[-1])}
        else:
            output["data"] = _listed(array)
        outputs.append(output)
    body = {"model_name": reply.call.model, "model_version": reply.version, "outputs": outputs}
    if reply.call.id:
        body["id"] = reply.call.id
    head = _encode(body | {"parameters": reply.parameters})
    return (b"".join([head, *tail]), len(head)) if tail else (head, None)


def _listed(array: NDArray[Any]) -> list[Any]:
    """Return the elements for JSON; what is not finite becomes null, which JSON can say."""
    flat = array.ravel()
    if array.dtype == object:
        return [element.decode() for element in flat.tolist()]
    if array.dtype.kind == "f" and not np.isfinite(flat).all():
        return [value if np.isfinite(value) else None for value in flat.tolist()]
    listed: list[Any] = flat.tolist()
    return listed

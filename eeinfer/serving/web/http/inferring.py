"""One inference over HTTP: who is asked, what, and what is written."""

import logging
from functools import lru_cache
from typing import TypeAlias

import msgspec

from eeinfer.serving.alone import Later
from eeinfer.serving.web.calls import Call, Reply
from eeinfer.serving.web.failures import RequestError, failure
from eeinfer.serving.web.http.bodies import HEADER_LENGTH, read_call, write_reply
from eeinfer.serving.web.inference import infer_at_once
from eeinfer.serving.web.state import State

_JSON = (b"content-type", b"application/json")
_BINARY = (b"content-type", b"application/octet-stream")
_LENGTH = HEADER_LENGTH.lower().encode()

Headers: TypeAlias = dict[bytes, bytes]
Answer: TypeAlias = tuple[int, bytes, list[tuple[bytes, bytes]]]  # status, body, headers but for its length

log = logging.getLogger(__name__)


def asked(state: State, path: str, headers: Headers) -> tuple[str, str]:
    """Return model and version of /v2/models/NAME[/versions/VERSION]/infer, before the body is looked at.

    Raises:
        RequestError: no such path, the token is missing, or the body is compressed.
    """
    model, version = _named(path)
    state.check_token(headers.get(b"authorization", b"").decode("latin-1"))
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise RequestError("the body is compressed; send it as it is", status=415)
    return model, version


def call_of(raw: bytes, headers: Headers, model: str, version: str, client: str = "") -> Call:
    """Read the body.

    Raises:
        RequestError: it is not what the protocol says.
    """
    length = headers.get(_LENGTH)
    return read_call(raw, None if length is None else length.decode("latin-1"), model, version, client)


def written(reply: Reply) -> Answer:
    """Return what a reply becomes."""
    body, json_length = write_reply(reply)
    if json_length is None:
        return 200, body, [_JSON]
    return 200, body, [_BINARY, (_LENGTH, str(json_length).encode())]


def told(error: Exception) -> Answer:
    """Return what an error becomes; one that nobody foresaw goes into the log."""
    found = failure(error)
    if found.status == 500:
        log.error("an inference failed", exc_info=error)
    headers = [_JSON]
    if found.retry_after_s is not None:
        headers.append((b"retry-after", str(max(1, round(found.retry_after_s))).encode()))
    return found.status, msgspec.json.encode({"error": found.text}), headers


def answer_at_once(state: State, path: str, headers: Headers, raw: bytes, later: Later) -> Answer | None:
    """Answer before this returns, where that is quick and nobody else is served; None: nothing was done."""
    if len(raw) > state.settings.max_body_bytes:
        return None
    try:
        name, version = asked(state, path, headers)
        model = state.models.get(name, version)
        if not model.scheduler.idle:
            return None
        reply = infer_at_once(model, call_of(raw, headers, name, version), later)
        return None if reply is None else written(reply)
    except Exception as error:
        return told(error)


@lru_cache(64)  # clients ask for the same few
def _named(path: str) -> tuple[str, str]:
    parts = path.split("/")
    if parts[:3] == ["", "v2", "models"] and len(parts) == 5:
        return parts[3], ""
    if parts[:3] == ["", "v2", "models"] and len(parts) == 7 and parts[4] == "versions":
        return parts[3], parts[5]
    raise RequestError(f"no such path: {path}", status=404)

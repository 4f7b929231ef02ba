"""What a worker is told, and what it says: one JSON object a line."""

from typing import TypeAlias

import msgspec

from eeinfer.bench.study.work.jobs import Job


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a worker is started for."""

    job: Job
    out: str  # the study's folder


class Moved(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It is at some step."""

    doing: str
    done: int
    planned: int


class Finished(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Its files are written."""


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """It cannot be done."""

    reason: str  # one line


Message: TypeAlias = Moved | Finished | Failed
_MESSAGES: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Moved | Finished | Failed)


def write(message: Message | Order) -> bytes:
    """Encode as a line."""
    return msgspec.json.encode(message) + b"\n"


def read_order(line: bytes) -> Order:
    """Decode what a worker is started for."""
    return msgspec.json.decode(line, type=Order)


def read_message(line: bytes) -> Message:
    """Decode what a worker says."""
    message: Message = _MESSAGES.decode(line)
    return message

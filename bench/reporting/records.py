"""Reports as versioned JSON: what every kind of report has in common."""

from typing import Any, TypeVar

import msgspec

from eeinfer.errors import InputError


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every part of a report has in common."""


AnyRecord = TypeVar("AnyRecord", bound=Record)


def encode(record: Record) -> bytes:
    """Encode as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def decode(data: bytes, kind: type[AnyRecord], version: int) -> AnyRecord:
    """Decode what `encode` wrote.

    Raises:
        InputError: not such a report, or one of another schema.
    """
    _check_version(data, version)
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise InputError(f"the bench report does not follow schema {version}: {error}") from error


def _check_version(data: bytes, version: int) -> None:
    try:
        content: Any = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"the bench report is not JSON: {error}; run eeinfer bench again") from error
    found = content.get("schema_version") if isinstance(content, dict) else None
    if not isinstance(found, int):
        raise InputError("the file is not a bench report: it has no schema_version; run eeinfer bench again")
    if found != version:
        mend = "run eeinfer bench again" if found < version else "upgrade eeinfer"
        raise InputError(f"the bench report has schema {found} and this eeinfer reads {version}; {mend}")

"""manifest.json as bytes: reading it strictly, writing it, and the checksum that it holds of itself.

The checksum is the SHA-256 of the file with the 64 digits of the checksum itself as zeros. They are found by their
bytes, behind the first ``"checksum": "`` in the file, so that a reader needs no JSON to check them.
"""

import hashlib
import itertools
import json
import re
from pathlib import Path
from typing import Any

import msgspec

from eeinfer.bundle.checks import check_manifest
from eeinfer.bundle.earlier import OLDEST_VERSION, decode_earlier
from eeinfer.bundle.manifest import FORMAT_VERSION, MANIFEST_NAME, Manifest
from eeinfer.errors import BundleError
from eeinfer.files import replace_file

FIRST_WITH_CHECKSUM = 3  # of the format versions
DEEPEST = 100  # objects and lists inside one another
_INDENT = 2
_DEEP = b"\n" + b" " * (_INDENT * (DEEPEST - 1) + 1)  # what stands in more objects and lists

_MARK = b'"checksum": "'
_DIGITS = 64
_ZEROS = "0" * _DIGITS

_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_DIGITS_ALIKE = bytes(ord("0") if chr(byte).isdecimal() and byte < 128 else ord(" ") for byte in range(256))
_LONG = b"0" * 19  # a number that may be beyond 64 bits, or part of a hash
_LOWEST, _HIGHEST = -(2**63), 2**64 - 1
_MOST_DIGITS = len(str(_LOWEST))


class _Version(msgspec.Struct):
    format_version: int


class _NotOurs(ValueError):
    """It is JSON that other readers, in other languages, may take for something else."""


def decode_manifest(data: bytes, *, where: Path) -> Manifest:
    """Parse manifest.json, refusing a newer format version before anything else about it.

    Raises:
        BundleError: not JSON in UTF-8, truncated, altered, a format version that is not read, an unknown, missing or
            doubled field, a value of a wrong type.
    """
    try:
        plain = is_plain(data)
        if not plain:
            check_depth(data)
        version = msgspec.json.decode(data, type=_Version).format_version
        if not OLDEST_VERSION <= version <= FORMAT_VERSION:
            raise BundleError(_version_text(version, where))
        if not plain:
            check_once(data)
        if version < FIRST_WITH_CHECKSUM:
            return decode_earlier(data)
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.ValidationError as error:
        raise BundleError(f"{where} is not a manifest of format {FORMAT_VERSION}: {error}; export it again") from error
    except (msgspec.DecodeError, UnicodeDecodeError, json.JSONDecodeError, _NotOurs) as error:
        raise BundleError(f"{where} is truncated or not JSON: {error}; copy the bundle again") from error
    if manifest.checksum != checksum(data):
        raise BundleError(f"{where} was altered, its checksum is not the one it states; copy the bundle again")
    return msgspec.structs.replace(manifest, checksum="")


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the manifest in the newest format, as indented JSON that ``decode_manifest`` reads back."""
    blank = msgspec.structs.replace(manifest, format_version=FORMAT_VERSION, checksum=_ZEROS)
    facts = msgspec.to_builtins(blank)
    if manifest.certificate is None:
        del facts["certificate"]
    return with_checksum(msgspec.json.format(msgspec.json.encode(facts), indent=_INDENT) + b"\n")


def write_manifest(folder: Path, manifest: Manifest) -> Path:
    """Write manifest.json in the newest format into ``folder``, under a temporary name first, and return its path.

    Raises:
        BundleError: the manifest does not hold together.
    """
    check_manifest(manifest, where=folder)
    path, data = folder / MANIFEST_NAME, encode_manifest(manifest)
    decode_manifest(data, where=path)
    replace_file(path, data)
    return path


def is_plain(data: bytes) -> bool:
    """Whether JSON is just what we would write of it: then it is not too deep, and nothing in it stands twice.

    That is known in a fifth of the time that `check_depth` and `check_once` take.
    """
    if _DEEP in data or _has_huge(data):  # every list and object indents what is in it
        return False
    try:
        return msgspec.json.format(msgspec.json.encode(msgspec.json.decode(data)), indent=_INDENT) + b"\n" == data
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return False


def _has_huge(data: bytes) -> bool:
    """Whether there may be a whole number beyond 64 bits: in plain JSON a space or a sign is before every number."""
    alike = data.translate(_DIGITS_ALIKE)
    at = alike.find(_LONG)
    while at > 0:
        if data[at - 1] in b" -":
            return True
        at = alike.find(_LONG, alike.find(b" ", at))
    return False


def check_depth(data: bytes) -> None:
    """Refuse JSON that is too deep: how deep a reader gets must not depend on the room that its stack happens to have.

    Raises:
        ValueError: saying how deep "it" is; it is no UTF-8.
    """
    data.decode()  # what is skipped on the way to the version is text as well
    brackets = _TEXT.sub(b"", data).translate(None, _NO_BRACKETS)
    depths = itertools.accumulate(1 if bracket in b"[{" else -1 for bracket in brackets)
    if any(depth > DEEPEST for depth in depths):
        raise _NotOurs(f"it has lists or objects more than {DEEPEST} deep")


def check_once(data: bytes) -> None:
    """Refuse JSON with a field that stands twice, or a whole number beyond 64 bits: readers make other things of it.

    Raises:
        ValueError: saying what "it" has.
    """
    json.loads(data.decode(), object_pairs_hook=_once, parse_int=_whole)


def with_checksum(data: bytes) -> bytes:
    """Return the bytes of a manifest with the checksum that belongs to them, if they have a place for one."""
    start = _start(data)
    return data if start is None else data[:start] + checksum(data).encode() + data[start + _DIGITS :]


def checksum(data: bytes) -> str:
    """Return the checksum that a manifest of these bytes has to state."""
    start = _start(data)
    if start is not None:
        data = data[:start] + _ZEROS.encode() + data[start + _DIGITS :]
    return hashlib.sha256(data).hexdigest()


def _once(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in fields:
        if name in found:
            raise _NotOurs(f"it has the field {name!r} twice")
        found[name] = value
    return found


def _whole(digits: str) -> int:
    if len(digits) <= _MOST_DIGITS and _LOWEST <= int(digits) <= _HIGHEST:
        return int(digits)
    raise _NotOurs("it has a whole number that does not fit into 64 bits")


def _start(data: bytes) -> int | None:
    """Return where the digits of the checksum begin; None where there is no place for them."""
    mark = data.find(_MARK)
    start = mark + len(_MARK)
    return start if mark >= 0 and len(data) >= start + _DIGITS else None


def _version_text(version: int, where: Path) -> str:
    text = f"{where} has format version {version}, this eeinfer reads versions {OLDEST_VERSION} to {FORMAT_VERSION}"
    if version > FORMAT_VERSION:
        return f"{text}; get a newer one with: pip install --upgrade eeinfer"
    return f"{text}; export the checkpoint again"

"""manifest.json as bytes: reading it strictly, writing it, and the checksum that it holds of itself.

The checksum is the SHA-256 of the file with the 64 digits of the checksum itself as zeros. They are found by their
bytes, behind the first ``"checksum": "`` in the file, so that a reader needs no JSON to check them.
"""

import hashlib
from pathlib import Path

import msgspec

from eeinfer.bundle.checks import check_manifest
from eeinfer.bundle.earlier import OLDEST_VERSION, decode_earlier
from eeinfer.bundle.manifest import FORMAT_VERSION, MANIFEST_NAME, Manifest
from eeinfer.errors import BundleError
from eeinfer.files import replace_file

FIRST_WITH_CHECKSUM = 3  # of the format versions

_MARK = b'"checksum": "'
_DIGITS = 64
_ZEROS = "0" * _DIGITS


class _Version(msgspec.Struct):
    format_version: int


def decode_manifest(data: bytes, *, where: Path) -> Manifest:
    """Parse manifest.json, refusing a newer format version before anything else about it.

    Raises:
        BundleError: not JSON, truncated, altered, a format version that is not read, an unknown or missing field, a
            value of a wrong type.
    """
    try:
        version = msgspec.json.decode(data, type=_Version).format_version
        if not OLDEST_VERSION <= version <= FORMAT_VERSION:
            raise BundleError(_version_text(version, where))
        if version < FIRST_WITH_CHECKSUM:
            return decode_earlier(data)
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.ValidationError as error:
        raise BundleError(f"{where} is not a manifest of format {FORMAT_VERSION}: {error}; export it again") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{where} is truncated or not JSON: {error}; copy the bundle again") from error
    if manifest.checksum != checksum(data):
        raise BundleError(f"{where} was altered, its checksum is not the one it states; copy the bundle again")
    return msgspec.structs.replace(manifest, checksum="")


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the manifest in the newest format, as indented JSON that ``decode_manifest`` reads back."""
    blank = msgspec.structs.replace(manifest, format_version=FORMAT_VERSION, checksum=_ZEROS)
    return with_checksum(msgspec.json.format(msgspec.json.encode(blank), indent=2) + b"\n")


def write_manifest(folder: Path, manifest: Manifest) -> Path:
    """Write manifest.json in the newest format into ``folder``, under a temporary name first, and return its path.

    Raises:
        BundleError: the manifest does not hold together.
    """
    check_manifest(manifest, where=folder)
    path = folder / MANIFEST_NAME
    replace_file(path, encode_manifest(manifest))
    return path


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

"""Which other files an ONNX graph reads, found without the onnx package.

An ONNX file is a protocol buffer: fields of a number, a wire type and a value. Only the branches that can hold
a tensor are followed (numbers from onnx.proto, which never change), and only where the key of a location stands in
them; weights stored inside are skipped by length.
"""

from collections.abc import Iterator
from pathlib import Path

from eeinfer.errors import BundleError

_VARINT, _BYTES = 0, 2  # wire types
_FIXED_BYTES = {1: 8, 5: 4}  # wire type -> size
_MORE = 0x80  # set in every byte of a number but the last
_LOCATION = b"location"  # the key under which external data names its file

_BRANCHES = {  # message -> field number -> message found there
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}


def external_files(data: bytes, *, where: Path) -> set[str]:
    """Return the locations of all external data that the ONNX model in ``data`` names.

    Raises:
        BundleError: ``data`` is not an ONNX model.
    """
    try:
        return set(_locations(data, 0, len(data), "model"))
    except (ValueError, IndexError, RecursionError) as error:
        raise BundleError(f"{where} is not an ONNX graph: {error}; copy the bundle again") from error


def _locations(data: bytes, at: int, end: int, message: str) -> Iterator[str]:
    if message == "entry":
        entry = {number: data[start:stop] for number, start, stop in _fields(data, at, end)}
        if entry.get(1) == _LOCATION:
            yield entry.get(2, b"").decode()
        return
    branches = _BRANCHES[message]
    for number, start, stop in _fields(data, at, end):
        if number in branches and data.find(_LOCATION, start, stop) >= 0:  # most nodes and small tensors hold none
            yield from _locations(data, start, stop, branches[number])


def _fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the number, the start and the end of every length-delimited field between ``at`` and ``end``."""
    while at < end:
        key, at = (data[at], at + 1) if data[at] < _MORE else _varint(data, at)
        kind = key & 7
        if kind in _FIXED_BYTES:
            at += _FIXED_BYTES[kind]
            continue
        value, at = (data[at], at + 1) if data[at] < _MORE else _varint(data, at)
        if kind == _BYTES and at + value <= end:
            yield key >> 3, at, at + value
            at += value
        elif kind != _VARINT:
            raise ValueError(f"broken at byte {at}")
    if at > end:
        raise ValueError(f"broken at byte {at}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < _MORE:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError(f"broken at byte {at}")

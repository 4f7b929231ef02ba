"""The fields of one message of a protocol buffer.

What is wrong with it is a ValueError that completes "it ...", or an IndexError where it ends too early.
"""

from collections.abc import Iterator

_VARINT, _BYTES = 0, 2  # wire types
_FIXED_BYTES = {1: 8, 5: 4}  # wire type -> size
_HIGHEST_KEY = 2**32 - 1
_MORE = 0x80  # set in every byte of a number but the last


def fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Yield the number, the start and the end of every length-delimited field between ``at`` and ``end``."""
    while at < end:
        key, at = data[at], at + 1
        if key >= _MORE:
            key, at = _long_key(data, at - 1)
        kind = key & 7
        if kind != _BYTES and kind in _FIXED_BYTES:
            at += _FIXED_BYTES[kind]
            continue
        value, at = data[at], at + 1
        if value >= _MORE:
            value, at = _varint(data, at - 1)
        if kind == _BYTES:
            start, at = at, at + value
            if at > end:
                break
            yield key >> 3, start, at
        elif kind != _VARINT:
            raise ValueError(f"is broken at byte {at}")
    if at > end:
        raise ValueError(f"is broken at byte {at}")


def every(data: bytes, at: int, end: int) -> Iterator[tuple[int, int | None, int, int]]:
    """Yield as ``fields``, and numbers of variable length too: the second is the value of one, else None."""
    while at < end:
        key, at = data[at], at + 1
        if key >= _MORE:
            key, at = _long_key(data, at - 1)
        kind = key & 7
        if kind in _FIXED_BYTES:
            at += _FIXED_BYTES[kind]
            continue
        if kind not in (_VARINT, _BYTES):
            raise ValueError(f"is broken at byte {at}")
        value, at = data[at], at + 1
        if value >= _MORE:
            value, at = _varint(data, at - 1)
        start, at = at, at + (value if kind == _BYTES else 0)
        if at > end:
            break
        yield key >> 3, value if kind == _VARINT else None, start, at
    if at > end:
        raise ValueError(f"is broken at byte {at}")


def _long_key(data: bytes, at: int) -> tuple[int, int]:
    """Readers of protocol buffers cut keys off at 32 bits: a larger one would be another field to them than to us."""
    key, at = _varint(data, at)
    if key > _HIGHEST_KEY:
        raise ValueError(f"is broken at byte {at}")
    return key, at


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
            raise ValueError(f"is broken at byte {at}")

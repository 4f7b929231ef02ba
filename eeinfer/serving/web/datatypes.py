"""The protocol's datatypes, and tensors from and to bytes: little-endian, in row-major order."""

import math
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.serving.web.failures import RequestError

BYTES = "BYTES"
NAMES = {
    **{"bool": "BOOL", "uint8": "UINT8", "uint16": "UINT16", "uint32": "UINT32", "uint64": "UINT64"},
    **{"int8": "INT8", "int16": "INT16", "int32": "INT32", "int64": "INT64"},
    **{"float16": "FP16", "float32": "FP32", "float64": "FP64"},
}
DTYPES = {name: np.dtype(dtype).newbyteorder("<") for dtype, name in NAMES.items()}
_BY_DTYPE = {np.dtype(dtype): name for dtype, name in NAMES.items()}  # whose own names take far longer to be looked up
_LENGTH = struct.Struct("<I")
_MOST_AXES = 8


def checked_shape(name: str, shape: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of an input.

    Raises:
        RequestError: it has no axis, too many, or sizes that are none.
    """
    if not 1 <= len(shape) <= _MOST_AXES or {*map(type, shape)} != {int} or min(shape) < 0:
        raise RequestError(f"input {name!r} has the shape {list(shape)}; give the batch and the sizes of a row")
    return tuple(shape)


def dtype_of(name: str, datatype: str) -> np.dtype[Any]:
    """Return NumPy's name for a datatype.

    Raises:
        RequestError: there is none.
    """
    if datatype not in DTYPES:
        bare = datatype.strip(" []()'\"")
        near = NAMES.get(bare.lower(), bare.upper())
        meant = f"did you mean {near!r}? " if near in (*DTYPES, BYTES) else ""
        raise RequestError(
            f"input {name!r} has the datatype {datatype!r}: {meant}known are {', '.join(DTYPES)} for numbers, and "
            f"{BYTES} for image files, in JSON in base64"
        )
    return DTYPES[datatype]


def from_bytes(name: str, datatype: str, shape: tuple[int, ...], raw: bytes | memoryview) -> Any:
    """Return the tensor, seen where it lies, or the list of the elements of BYTES.

    Raises:
        RequestError: there are more bytes or fewer than the shape says.
    """
    if datatype == BYTES:
        return _elements(name, math.prod(shape), raw)
    dtype = dtype_of(name, datatype)
    if len(raw) != math.prod(shape) * dtype.itemsize:
        raise RequestError(
            f"input {name!r} has {len(raw)} bytes; {datatype} {list(shape)} takes {math.prod(shape) * dtype.itemsize}"
        )
    if datatype == "BOOL" and max(raw, default=0) > 1:
        raise RequestError(f"input {name!r} is BOOL and holds a byte above 1")
    return _shaped(name, np.frombuffer(raw, dtype), shape)


def _elements(name: str, count: int, raw: bytes | memoryview) -> list[bytes]:
    found: list[bytes] = []
    at = 0
    while at < len(raw) and len(found) < count:
        if at + _LENGTH.size > len(raw):
            break
        (length,) = _LENGTH.unpack_from(raw, at)
        at += _LENGTH.size + length
        if at > len(raw):
            break
        found.append(bytes(raw[at - length : at]))
    if at != len(raw) or len(found) != count:
        raise RequestError(f"input {name!r} is BYTES with {len(raw)} bytes, which are not {count} elements")
    return found


def from_numbers(name: str, datatype: str, shape: tuple[int, ...], data: Any) -> NDArray[Any]:
    """Return the tensor of what JSON or a message's typed field gives, nested or flat.

    Raises:
        RequestError: these are no numbers of the datatype, or other ones than the shape says.
    """
    dtype = dtype_of(name, datatype)
    kinds = {"b": "b", "u": "iu", "i": "iu"}.get(dtype.kind, "iuf")
    try:
        given = np.asarray(data)
        equal = not given.size or given.dtype.kind in kinds
    except ValueError:  # ragged
        equal = False
    if not equal:
        texts = (
            ": texts are image files in base64, of the datatype BYTES and the shape [1]" if _holds_text(data) else ""
        )
        raise RequestError(f"the data of input {name!r} are not {datatype} numbers in equal rows{texts}")
    if given.size != math.prod(shape):
        raise RequestError(f"input {name!r} has {given.size} numbers; the shape {list(shape)} takes {math.prod(shape)}")
    if dtype.kind in "iu" and given.size:
        bounds = np.iinfo(dtype)
        if int(given.min()) < bounds.min or int(given.max()) > bounds.max:
            raise RequestError(f"input {name!r} holds a number that {datatype} does not")
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and such rows have no answer
        return _shaped(name, given.astype(dtype), shape)


def _holds_text(data: Any) -> bool:
    while isinstance(data, list) and data:
        data = data[0]
    return isinstance(data, str)


def _shaped(name: str, flat: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return the numbers in their shape. Where one axis is 0 the count fits any shape, also one that is too large."""
    try:
        return flat.reshape(shape)
    except ValueError as error:
        raise RequestError(f"input {name!r} has the shape {list(shape)}, which no tensor can have") from error


def to_bytes(array: NDArray[Any]) -> bytes:
    """Return a tensor of numbers or of byte strings as the protocol writes it."""
    if array.dtype == object:
        return b"".join(_LENGTH.pack(len(element)) + element for element in array.ravel().tolist())
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def datatype_of(array: NDArray[Any]) -> str:
    """Return the protocol's name for what an array holds."""
    return BYTES if array.dtype == object else _BY_DTYPE[array.dtype]

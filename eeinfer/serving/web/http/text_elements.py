"""Elements of BYTES in JSON, which holds text: base64."""

import base64
import binascii
import math
from typing import Any

from eeinfer.serving.web.failures import RequestError


def as_elements(name: str, shape: tuple[int, ...], data: Any) -> list[bytes]:
    """Return the elements, given flat or nested.

    Raises:
        RequestError: they are no base64, or other ones than the shape says.
    """
    flat = _flat(data)
    if len(flat) != math.prod(shape):
        raise RequestError(
            f"input {name!r} has {len(flat)} elements; the shape {list(shape)} takes {math.prod(shape)}: of image "
            f"files it says how many there are, such as [{max(len(flat), 1)}]"
        )
    try:
        return [base64.b64decode(text, validate=True) for text in flat]
    except (TypeError, ValueError, binascii.Error):
        raise RequestError(
            f"input {name!r} is BYTES: in JSON each element is a text in base64, without data:image/... before it, as "
            "base64 -w 0 photo.jpg prints it"
        ) from None


def _flat(data: Any) -> list[Any]:
    while isinstance(data, list) and data and all(isinstance(part, list) for part in data):
        data = [element for part in data for element in part]
    return data if isinstance(data, list) else [data]

"""What to send instead of a body that is no inference request: most who get one wrong have an image file in hand."""

import re

_IMAGES = (b"\x89PNG", b"\xff\xd8\xff")  # how PNG and JPEG files begin
_FORM = re.compile(rb"[\w.\[\]-]+=")  # as curl -d image=... sends it
_MISFIT = re.compile(r"Expected `(.+?)`, got `(.+?)`(?: - at `\$\.?(.*?)`)?$")
_KINDS = {"str": "a text", "array": "a list", "object": "an object", "int": "a whole number", "bool": "true or false"}
_REQUEST = '{"inputs": [{"name": "...", "shape": [...], "datatype": "FP32", "data": [...]}]}'
_IMAGE = '{"inputs": [{"name": "...", "shape": [1], "datatype": "BYTES", "data": ["the file in base64"]}]}'


def instead(body: bytes, error: Exception, model: str) -> str:
    """Return what is wrong with a body, and what the model is asked with; ``error`` is what its reader said."""
    names = f"GET /v2/models/{model} tells the name and shape of its inputs"
    what = _taken_for(body)
    if what is not None:
        return f"the body is {what}, and no inference request: an image file goes as JSON, {_IMAGE}; {names}"
    return (
        f"the body is no inference request: {_in_words(str(error))}; send JSON, {_REQUEST}, "
        f"image files as BYTES in base64; {names}"
    )


def _taken_for(body: bytes) -> str | None:
    """Return what a body is that other servers may take, else None."""
    if body.startswith(b"--") and b"content-disposition" in body[:1024].lower():
        return "a form in several parts, as curl -F sends it"
    if body.startswith(_IMAGES):
        return "an image file as it is"
    return "a form" if _FORM.match(body[:1024]) else None


def _in_words(error: str) -> str:
    """Return msgspec's sentence, where it is about a type with the place first."""
    misfit = _MISFIT.match(error)
    if misfit is None:
        return error
    expected, got, place = misfit.groups()
    return f"{place or 'the whole'} is {_KINDS.get(got, got)} where {_KINDS.get(expected, expected)} belongs"

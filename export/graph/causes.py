"""Why PyTorch could not export a model: the deepest cause that it names, and what to do instead."""

import re

from eeinfer.errors import first_line

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_OPERATOR = re.compile(r"(?:aten|torchvision|[a-z_]+)[.:]+[A-Za-z_0-9.]+")
_LONGEST = 300
_ADVICE = (  # a piece of what PyTorch says -> what to do
    ("no onnx function found", "write {operator} with other operations, which ONNX has"),
    ("data-dependent", "write branches on values with torch.where, and loops with a fixed number of steps"),
    ("constraints violated", "read sizes from the shape of the input and let forward work for any"),
    ("specialized", "read sizes from the shape of the input and let forward work for any"),
    ("autocast", "take autocast out of forward"),
)
_OTHERWISE = "see that forward neither branches on values nor fixes the batch size"


def deepest(error: BaseException) -> BaseException:
    """Return the error that all others were raised from."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def explained(error: BaseException) -> str:
    """Return the deepest cause in one line and, behind a semicolon, what to do instead."""
    cause = deepest(error)
    text = _COLOURS.sub("", str(cause))
    operator = _OPERATOR.search(text)
    named = operator.group().rstrip(".") if operator else "the operator"
    advice = next((hint for piece, hint in _ADVICE if piece in text.lower()), _OTHERWISE)
    said = _COLOURS.sub("", first_line(cause))[:_LONGEST].rstrip(" .:;")
    return f"{type(cause).__name__}: {said}; {advice.format(operator=named)}"

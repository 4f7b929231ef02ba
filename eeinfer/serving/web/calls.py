"""An inference as both protocols mean it: what was asked, what is answered."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec
from numpy.typing import NDArray

from eeinfer.errors import unknown
from eeinfer.serving.web.failures import RequestError

_PARAMETERS = ("tau", "deadline_ms", "priority")
_IGNORED = ("binary_data_output", "timeout", "sequence_id", "sequence_start", "sequence_end")  # tritonclient's own

_KNOWN_LENGTH = 256  # of texts that are remembered


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """One input as it came."""

    name: str
    datatype: str
    data: Any  # an array, or the elements of BYTES


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """One output that is asked for."""

    name: str
    classes: int = 0  # of the classification extension; 0: the tensor itself
    binary: bool = False


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asks."""

    model: str
    version: str = ""
    id: str = ""
    inputs: tuple[Given, ...]
    outputs: tuple[Wanted, ...] = ()  # empty: prediction, score, exit
    tau: float | tuple[float, ...] | None = None
    deadline_ms: float | None = None
    priority: int = 0
    client: str = ""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a client is answered."""

    call: Call
    version: str
    outputs: tuple[tuple[Wanted, NDArray[Any]], ...]
    parameters: Mapping[str, bool | float | str] = msgspec.field(default_factory=dict)


def options(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of a request that are ours.

    Raises:
        RequestError: one is unknown, or of another type.
    """
    for name in parameters:
        if name not in _PARAMETERS and name not in _IGNORED:
            raise RequestError(unknown("parameter", name, _PARAMETERS))
    found: dict[str, Any] = {}
    if "tau" in parameters:
        found["tau"] = _tau(parameters["tau"])
    if "deadline_ms" in parameters:
        found["deadline_ms"] = _number("deadline_ms", parameters["deadline_ms"])
    if "priority" in parameters:
        if type(parameters["priority"]) is not int:
            raise RequestError(f"priority is {parameters['priority']!r}; give 1 (first) to 3 (last)")
        found["priority"] = parameters["priority"]
    return found


def _tau(value: Any) -> float | tuple[float, ...]:
    """Read a number, a list of them, or either as text, which is all that some clients can send."""
    if isinstance(value, list):
        return tuple(_number("tau", part) for part in value)
    if not isinstance(value, str):
        return _number("tau", value)
    return _known_tau(value) if len(value) <= _KNOWN_LENGTH else _tau_of_text(value)


@lru_cache(1024)  # clients name the same few again and again
def _known_tau(text: str) -> float | tuple[float, ...]:
    return _tau_of_text(text)


def _tau_of_text(text: str) -> float | tuple[float, ...]:
    if "," in text:
        return tuple(_number("tau", part) for part in text.split(","))
    return _number("tau", text)


def _number(name: str, value: Any) -> float:
    try:
        if isinstance(value, (int, float, str)) and not isinstance(value, bool):
            return float(value)
    except (ValueError, OverflowError):
        pass
    raise RequestError(f"{name} is {value!r}; give a number") from None

"""Between Triton's requests and ours: tensors and parameters in, answers or an error out."""

import json
import logging
from collections.abc import Iterable
from typing import Any

import numpy as np
import triton_python_backend_utils as triton  # only inside a Triton
from numpy.typing import NDArray

from eeinfer.bundle.manifest import Manifest
from eeinfer.serving.served import Served
from eeinfer.serving.web.calls import options
from eeinfer.serving.web.failures import failure

log = logging.getLogger(__name__)

_CODES = {400: "INVALID_ARG", 404: "NOT_FOUND", 503: "UNAVAILABLE"}
_OTHER = "INTERNAL"


def given(request: Any, manifest: Manifest) -> dict[str, NDArray[Any]]:
    """Return a request's inputs [B, *shape], copied; what is one number per row comes as [B, 1]."""
    arrays = {tensor.name(): np.array(tensor.as_numpy()) for tensor in request.inputs()}
    for spec in (input.tensor for input in manifest.inputs):
        if spec.shape == () and spec.name in arrays:
            arrays[spec.name] = arrays[spec.name].reshape(-1)
    return arrays


def asked(request: Any) -> dict[str, Any]:
    """Return what a request asks beside its inputs: tau and deadline_ms.

    Raises:
        RequestError: a parameter is unknown, or of another type.
    """
    return options(json.loads(request.parameters() or "{}"))


def response(served: Served, wanted: Iterable[str]) -> Any:
    """Return the answers; what is one number per row goes as [B, 1]."""
    found = {
        "prediction": served.predictions[:, None],
        "score": served.scores[:, None],
        "exit": served.exits[:, None],
        "logits": served.logits,
        "near_tau": served.near_tau[:, None],
        "late": served.late[:, None],
    }
    return triton.InferenceResponse([triton.Tensor(name, found[name]) for name in wanted])


def refusal(error: BaseException, *, named: bool = False) -> Any:
    """Return a response that says what went wrong; the log has what nobody foresaw.

    Args:
        error: what was raised.
        named: put the name of the code before the text: answers of a stream bring the text alone, and so do those of
            one model to another.
    """
    told = failure(error if isinstance(error, Exception) else RuntimeError())
    if told.status == 500:
        log.error("%s", told.text, exc_info=error)
    code = _CODES.get(told.status, _OTHER)
    return _error(code, f"{code}: {told.text}" if named else told.text)


def passed_on(text: str) -> Any:
    """Return a response with the error that another model has named."""
    code, _, told = text.partition(": ")
    return _error(code, told) if code in (*_CODES.values(), _OTHER) else _error(_OTHER, text)


def _error(code: str, text: str) -> Any:
    return triton.InferenceResponse([], triton.TritonError(text, getattr(triton.TritonError, code)))

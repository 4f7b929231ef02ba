"""What a server and its models say about themselves."""

from collections.abc import Mapping
from typing import Any

from eeinfer.machine.versions import version_of
from eeinfer.serving.web.datatypes import NAMES
from eeinfer.serving.web.models import Model

EXTENSIONS = ("binary_tensor_data", "classification", "model_repository", "parameters")
_OUTPUTS = {"prediction": "INT64", "score": "FP32", "exit": "INT64", "near_tau": "BOOL", "late": "BOOL"}


def server_metadata() -> dict[str, Any]:
    """Return the answer to GET /v2."""
    return {"name": "eeinfer", "version": version_of("eeinfer"), "extensions": list(EXTENSIONS)}


def model_metadata(model: Model) -> dict[str, Any]:
    """Return the answer to GET /v2/models/NAME; -1 is an axis of any size."""
    manifest = model.engine.manifest
    return {
        "name": model.name,
        "versions": [model.version],
        "platform": "eeinfer",
        "inputs": [
            _tensor(input.tensor.name, NAMES[input.tensor.dtype], input.tensor.shape) for input in manifest.inputs
        ],
        "outputs": [
            *(_tensor(name, datatype, ()) for name, datatype in _OUTPUTS.items()),
            _tensor("logits", "FP32", (len(manifest.classes),)),
        ],
        "parameters": _facts(model),
    }


def _facts(model: Model) -> Mapping[str, Any]:
    engine = model.engine
    certificate = engine.certificate
    return {
        "classes": list(engine.manifest.classes),
        "taus": list(engine.tau),
        "exits": len(engine.tau),
        "promise": None if certificate is None else str(certificate.promise),
        "backend": engine.backend,
        "images": len(engine.manifest.inputs) == 1 and engine.manifest.inputs[0].preprocess is not None,
        "full_batches": list(model.scheduler.full),
    }


def _tensor(name: str, datatype: str, shape: tuple[int | str, ...]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [-1, *(-1 if isinstance(n, str) else n for n in shape)]}

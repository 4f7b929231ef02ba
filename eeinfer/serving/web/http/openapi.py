"""The protocol's HTTP paths in OpenAPI 3.1: what a client generator reads."""

from typing import Any

from eeinfer.machine.versions import version_of


def openapi() -> dict[str, Any]:
    """Return the description of every path."""
    model = {"name": "model", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "eeinfer: Open Inference Protocol v2", "version": version_of("eeinfer")},
        "paths": {
            "/v2/health/live": {"get": _answers("The process answers.")},
            "/v2/health/ready": {"get": _answers("Requests are taken.", 503)},
            "/v2": {"get": _answers("Name, version and extensions.")},
            "/v2/models/{model}": {"parameters": [model], "get": _answers("Inputs, outputs, classes, taus.", 404)},
            "/v2/models/{model}/ready": {"parameters": [model], "get": _answers("The model is ready.", 404)},
            "/v2/models/{model}/infer": {"parameters": [model], "post": _inference()},
            "/v2/repository/index": {"post": _answers("Every bundle and its state.")},
            "/v2/repository/models/{model}/load": {
                "parameters": [model],
                "post": _answers("Loads the bundle again; a broken one changes nothing.", 400, 404, 409),
            },
            "/v2/repository/models/{model}/unload": {
                "parameters": [model],
                "post": _answers("Takes it out.", 404, 409),
            },
        },
    }


def _answers(what: str, *failures: int) -> dict[str, Any]:
    error = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
    told = {
        str(status): {"description": "What is wrong.", "content": {"application/json": {"schema": error}}}
        for status in failures
    }
    return {"responses": {"200": {"description": what}, **told}}


def _inference() -> dict[str, Any]:
    tensor = {
        "type": "object",
        "required": ["name", "shape", "datatype"],
        "properties": {
            "name": {"type": "string"},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
            "datatype": {"type": "string"},
            "data": {},
            "parameters": {"type": "object"},
        },
    }
    options = {
        "tau": {"type": ["number", "array", "string"]},
        "deadline_ms": {"type": "number", "minimum": 0},
        "priority": {"type": "integer", "minimum": 0, "maximum": 3},
        "binary_data_output": {"type": "boolean"},
    }
    schema = {
        "type": "object",
        "required": ["inputs"],
        "properties": {
            "id": {"type": "string"},
            "inputs": {"type": "array", "items": tensor},
            "outputs": {"type": "array", "items": {"type": "object", "required": ["name"]}},
            "parameters": {"type": "object", "properties": options},
        },
    }
    content = {"application/json": {"schema": schema}, "application/octet-stream": {}}
    return {
        "requestBody": {"required": True, "content": content},
        **_answers("The outputs.", 400, 401, 404, 408, 413, 415, 500, 503),
    }

"""Messages of the protocol over gRPC, to and from what is asked and answered."""

from collections.abc import Mapping
from typing import Any

from eeinfer.serving.web.calls import Call, Given, Reply, Wanted, options
from eeinfer.serving.web.datatypes import BYTES, checked_shape, datatype_of, from_bytes, from_numbers, to_bytes
from eeinfer.serving.web.failures import RequestError
from eeinfer.serving.web.rpc.messages import message

_FIELDS = {
    "BOOL": "bool_contents",
    **dict.fromkeys(("INT8", "INT16", "INT32"), "int_contents"),
    "INT64": "int64_contents",
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), "uint_contents"),
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    BYTES: "bytes_contents",
}


def read_call(request: Any, client: str) -> Call:
    """Read a ModelInferRequest.

    Raises:
        RequestError: it is not what the protocol says.
    """
    raw = list(request.raw_input_contents)
    if raw and len(raw) != len(request.inputs):
        raise RequestError(f"{len(request.inputs)} inputs came with {len(raw)} raw contents; send one for each")
    inputs = tuple(_given(part, raw[i] if raw else None) for i, part in enumerate(request.inputs))
    names = [given.name for given in inputs]
    if len(set(names)) < len(names):
        raise RequestError(f"an input comes twice: {', '.join(map(repr, names))}")
    return Call(
        model=request.model_name,
        version=request.model_version,
        id=request.id,
        inputs=inputs,
        outputs=tuple(_wanted(part) for part in request.outputs),
        client=client,
        **options(_parameters(request.parameters)),
    )


def write_reply(reply: Reply) -> Any:
    """Return a ModelInferResponse, its tensors as raw contents."""
    response = message("ModelInferResponse")(model_name=reply.call.model, model_version=reply.version, id=reply.call.id)
    for name, value in reply.parameters.items():
        field = "bool_param" if isinstance(value, bool) else "double_param"
        setattr(response.parameters[name], field, value)
    for wanted, array in reply.outputs:
        response.outputs.add(name=wanted.name, datatype=datatype_of(array), shape=array.shape)
        response.raw_output_contents.append(to_bytes(array))
    return response


def _given(part: Any, raw: bytes | None) -> Given:
    shape = checked_shape(part.name, list(part.shape))
    if raw is not None:
        if part.HasField("contents"):
            raise RequestError(f"input {part.name!r} has contents beside the raw ones; send one of them")
        return Given(name=part.name, datatype=part.datatype, data=from_bytes(part.name, part.datatype, shape, raw))
    field = _FIELDS.get(part.datatype)
    if field is None:
        raise RequestError(
            f"input {part.name!r} of {part.datatype!r} has no raw contents, and no field holds such numbers"
        )
    data = list(getattr(part.contents, field))
    if part.datatype == BYTES:
        if len(data) != _count(shape):
            raise RequestError(f"input {part.name!r} has {len(data)} elements; its shape is {list(shape)}")
        return Given(name=part.name, datatype=BYTES, data=data)
    return Given(name=part.name, datatype=part.datatype, data=from_numbers(part.name, part.datatype, shape, data))


def _count(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _wanted(part: Any) -> Wanted:
    classes = _parameters(part.parameters).get("classification", 0)
    if type(classes) is not int or classes < 0:
        raise RequestError(f"classification is {classes!r}; give how many classes")
    return Wanted(name=part.name, classes=classes)


def _parameters(found: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: value.WhichOneof("parameter_choice") for name, value in found.items()}
    return {name: getattr(found[name], field) for name, field in values.items() if field is not None}

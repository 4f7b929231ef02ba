"""config.pbtxt, as text: Triton's ModelConfig in protobuf's text format."""

import json
from collections.abc import Mapping, Sequence

from eeinfer.bundle.manifest import TensorSpec
from eeinfer.errors import ExportError
from eeinfer.serving.web.datatypes import NAMES


def config_text(
    name: str,
    backend: str,
    max_batch: int,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    parameters: Mapping[str, str],
    more: str = "",
) -> str:
    """Return the text of a model's config.pbtxt.

    Args:
        name: of the model, which is that of its folder.
        backend: of Triton.
        max_batch: rows that Triton may put together; 0: it does not, and shapes are told with the batch.
        inputs: shapes without the batch.
        outputs: the same.
        parameters: that the model reads.
        more: further fields.

    Raises:
        ExportError: Triton has no name for a tensor's numbers.
    """
    return "\n".join(
        [
            f"name: {_quoted(name)}",
            f"backend: {_quoted(backend)}",
            f"max_batch_size: {max_batch}",
            *(_tensor("input", spec, batched=max_batch > 0) for spec in inputs),
            *(_tensor("output", spec, batched=max_batch > 0) for spec in outputs),
            *(
                f"parameters {{ key: {_quoted(key)} value {{ string_value: {_quoted(value)} }} }}"
                for key, value in parameters.items()
            ),
            more,
        ]
    )


def _tensor(kind: str, spec: TensorSpec, *, batched: bool) -> str:
    if spec.dtype not in NAMES:
        raise ExportError(f"the tensor {spec.name!r} holds {spec.dtype}, for which Triton has no name here")
    sizes = [-1 if isinstance(size, str) else size for size in spec.shape]
    dims = (sizes or [1]) if batched else [-1, *sizes]
    return f"{kind} {{ name: {_quoted(spec.name)} data_type: TYPE_{NAMES[spec.dtype]} dims: {dims} }}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)

"""ONNX Runtime sessions of which every node runs where it was told to."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from eeinfer.backends.onnx_runtime import FATAL, onnxruntime, open_in_pool
from eeinfer.backends.ort_gpu.providers import Provider
from eeinfer.bundle.manifest import TensorSpec
from eeinfer.errors import ConfigError, first_line

# ONNX Runtime computes shapes on the CPU on purpose: a few integers there save a wait for the GPU. All of these have
# kernels on a GPU, so that nothing else of their kind is put onto the CPU.
_SHAPES = frozenset(
    (
        *("Shape", "Size", "Gather", "Concat", "Slice", "Unsqueeze", "Squeeze", "Cast", "Range", "Reshape", "Identity"),
        *("Add", "Sub", "Mul", "Div", "Equal", "Where", "ReduceProd", "ConstantOfShape", "Expand"),
    )
)


def open_on(provider: Provider, graph: Path | bytes, inputs: Sequence[TensorSpec]) -> Any:
    """Open a graph with one provider, and let no other one step in for it.

    Args:
        provider: where it runs.
        graph: an ONNX file, or its contents.
        inputs: what it reads.

    Returns:
        The ``InferenceSession``.

    Raises:
        ConfigError: the provider cannot be made, does not take the graph, or left a part of it to the CPU.
    """
    where = graph.name if isinstance(graph, Path) else "a graph of its own"
    try:
        session, _ = open_in_pool(lambda shared: _opened(provider, graph, inputs, shared=shared))
    except Exception as error:  # ONNX Runtime's own classes derive from Exception alone
        raise ConfigError(f"{provider.names[0]} does not open {where}: {first_line(error)}") from error
    if provider.names[0] not in session.get_providers():
        raise ConfigError(f"onnxruntime left {provider.names[0]} out when it opened {where}; see: eeinfer doctor")
    left = sorted(set(_left_to_others(session, provider)))
    if left:
        raise ConfigError(f"{provider.names[0]} does not take these operators of {where}: {', '.join(left)}")
    return session


def _opened(provider: Provider, graph: Path | bytes, inputs: Sequence[TensorSpec], *, shared: bool) -> Any:
    ort, source = onnxruntime(), str(graph) if isinstance(graph, Path) else graph
    options = ort.SessionOptions()
    options.log_severity_level = FATAL
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # shapes are all that it computes
    options.use_per_session_threads = not shared
    if _tells_assignment(ort):
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    elif provider.device != "cpu":
        options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    providers = provider.attach(options, inputs)
    # Its fallback prints to stdout and tries the same provider again.
    return ort.InferenceSession(source, options, providers=providers or None, enable_fallback=0)


def _tells_assignment(ort: Any) -> bool:
    return hasattr(ort.InferenceSession, "get_provider_graph_assignment_info")


def _left_to_others(session: Any, provider: Provider) -> Iterator[str]:
    """The operators that another provider got; older versions refuse such a session themselves."""
    if not _tells_assignment(onnxruntime()):
        return
    for part in session.get_provider_graph_assignment_info():
        if part.ep_name not in provider.names:
            yield from (node.op_type for node in part.get_nodes() if node.op_type not in _SHAPES)

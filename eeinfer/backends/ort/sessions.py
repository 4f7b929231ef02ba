"""ONNX Runtime sessions that do not get in each other's way: see eeinfer.backends.onnx_runtime."""

from pathlib import Path
from types import ModuleType
from typing import Any

from eeinfer.backends.onnx_runtime import onnxruntime, share_arena, shared_threads
from eeinfer.backends.ort.threads import PARKED, STOPPING
from eeinfer.bundle.layout import exit_specs
from eeinfer.bundle.manifest import Segment, TensorSpec
from eeinfer.errors import BundleError, first_line

REFUSED_OWN_POOL = "use_per_session_threads must be false"
FATAL = 4  # whatever is not fatal arrives as an exception too
_TYPE_NAMES = {"float32": "float", "float64": "double"}  # where ONNX Runtime's name is not NumPy's
_KEPT_INSIDE_BYTES = 1024  # of a saved graph's weights; larger ones go to a file of their own
_POOL_ENTRIES = {
    PARKED: {"session.intra_op.allow_spinning": "0"},
    STOPPING: {"session.force_spinning_stop": "1"},
}


def open_session(
    path: Path, *, threads: int, mode: str = PARKED, optimised: bool = False, save_as: Path | None = None
) -> tuple[Any, int | None]:
    """Open the graph at ``path`` on the CPU.

    Args:
        path: an ONNX file; its external data lies beside it.
        threads: threads per run where the session keeps its own pool; 1 means no pool.
        mode: what that pool does when it waits, of ``eeinfer.backends.ort.threads.MODES``.
        optimised: whether the graph was optimised before it was saved.
        save_as: where to write the graph as it is run, its weights beside it in a file with the ending ``.bin``.

    Returns:
        The ``InferenceSession``, and its threads per run: the process's where that has one pool for all, and None
        where somebody else made that pool.

    Raises:
        BundleError: ONNX Runtime cannot read or run the graph.
    """
    ort = onnxruntime()
    share_arena()
    options = _options(ort, optimised=optimised, save_as=save_as)
    if shared_threads() is not None:
        return _opened(ort, path, _in_shared_pool(options)), shared_threads()
    try:
        return _opened(ort, path, _in_own_pool(options, threads, mode)), threads
    except BundleError as error:
        if REFUSED_OWN_POOL not in str(error.__cause__):
            raise
        return _opened(ort, path, _in_shared_pool(options)), None


def _opened(ort: ModuleType, path: Path, options: Any) -> Any:
    try:
        # Its fallback prints to stdout and tries the same provider again.
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except Exception as error:  # ONNX Runtime's own classes derive from Exception alone
        raise _unreadable(path, error) from error


def _options(ort: ModuleType, *, optimised: bool, save_as: Path | None) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = FATAL
    options.add_session_config_entry("session.use_env_allocators", "1")
    if optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    if save_as is not None:
        options.optimized_model_filepath = str(save_as)
        entry, size = "session.optimized_model_external_initializers", str(_KEPT_INSIDE_BYTES)
        options.add_session_config_entry(f"{entry}_file_name", save_as.with_suffix(".bin").name)
        options.add_session_config_entry(f"{entry}_min_size_in_bytes", size)
    return options


def _in_own_pool(options: Any, threads: int, mode: str) -> Any:
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    for name, value in _POOL_ENTRIES.get(mode, {}).items():
        options.add_session_config_entry(name, value)
    return options


def _in_shared_pool(options: Any) -> Any:
    options.use_per_session_threads = False
    return options


def _unreadable(path: Path, error: Exception) -> BundleError:
    return BundleError(f"ONNX Runtime cannot open {path}: {first_line(error)}; export the bundle again")


def check_graph(session: Any, segment: Segment, *, classes: int, where: Path) -> None:
    """Refuse a graph whose inputs and outputs are not the manifest's.

    Raises:
        BundleError: naming the first tensor that differs.
    """
    for side, nodes, specs in (
        ("input", session.get_inputs(), segment.inputs),
        ("output", session.get_outputs(), (*exit_specs(classes), *segment.carried)),
    ):
        found = {node.name: node for node in nodes}
        if set(found) != {spec.name for spec in specs}:
            listed = ", ".join(spec.name for spec in specs)
            raise BundleError(f"{where} has the {side}s {', '.join(found)}, the manifest {listed}; export it again")
        for spec in specs:
            _check_tensor(found[spec.name], spec, where)


def _check_tensor(node: Any, spec: TensorSpec, where: Path) -> None:
    type_name = f"tensor({_TYPE_NAMES.get(spec.dtype, spec.dtype)})"
    sizes = list(node.shape)
    fits = len(sizes) == len(spec.shape) + 1 and not isinstance(sizes[0], int)  # a fixed batch cannot shrink
    for size, wanted in zip(sizes[1:], spec.shape, strict=False):
        fits = fits and (not isinstance(size, int) or size == wanted)
    if node.type != type_name or not fits:
        raise BundleError(
            f"{where} has {spec.name!r} as {node.type} {sizes}, the manifest as {type_name} "
            f"{['batch', *spec.shape]}; export it again"
        )

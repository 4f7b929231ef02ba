"""ONNX Runtime sessions that do not get in each other's way: see eeinfer.backends.onnx_runtime."""

from pathlib import Path
from types import ModuleType
from typing import Any

from eeinfer.backends.onnx_runtime import FATAL, onnxruntime, open_in_pool, share_arena, shared_threads
from eeinfer.backends.threads import PARKED, STOPPING
from eeinfer.errors import BundleError, first_line

_KEPT_INSIDE_BYTES = 1024  # weights of a saved graph up to this size stay in it; larger ones go to a file beside it
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
        mode: what that pool does when it waits, of ``eeinfer.backends.threads.MODES``.
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

    def opened(shared: bool) -> Any:
        options = _options(ort, optimised=optimised, save_as=save_as)
        if shared:
            options.use_per_session_threads = False
        else:
            _add_own_pool(options, threads, mode)
        # Its fallback prints to stdout and tries the same provider again.
        return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"], enable_fallback=0)

    try:
        session, shared = open_in_pool(opened)
    except Exception as error:  # ONNX Runtime's own classes derive from Exception alone
        mend = f"copy the files: cp -rL {path.parent} copy.eeb" if path.is_symlink() else "export the bundle again"
        raise BundleError(f"ONNX Runtime cannot open {path}: {first_line(error)}; {mend}") from error
    return session, shared_threads() if shared else threads


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


def _add_own_pool(options: Any, threads: int, mode: str) -> None:
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    for name, value in _POOL_ENTRIES.get(mode, {}).items():
        options.add_session_config_entry(name, value)

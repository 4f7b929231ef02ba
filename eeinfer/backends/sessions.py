"""ONNX Runtime sessions that do not get in each other's way.

With default settings a cascade loses: every session brings a thread pool that goes on spinning while the next
session computes, and an arena of its own whose memory is cold each time. Here all sessions of the process draw from
one arena, and pools never spin - unless the process has one pool for all its sessions, which is fastest, because it
spins and nobody is in its way. That pool is made by ``share_threads`` and not by itself: from then on ONNX Runtime
refuses every session in the process that keeps its default settings, other libraries' too.
"""

import threading
from pathlib import Path
from types import ModuleType
from typing import Any

from eeinfer.backends.cores import physical_cores
from eeinfer.errors import BundleError, ConfigError, DependencyError
from eeinfer.manifest import Segment, TensorSpec

_REFUSED_OWN_POOL = "use_per_session_threads must be false"
_FATAL = 4  # whatever is not fatal arrives as an exception too
_TYPE_NAMES = {"float32": "float", "float64": "double"}  # where ONNX Runtime's name is not NumPy's
_arena_lock = threading.Lock()
_arena_made = False
_pool_threads: int | None = None  # of the pool that share_threads made


def onnxruntime() -> ModuleType:
    """Import ONNX Runtime.

    Raises:
        DependencyError: it is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise DependencyError(
            "backend 'onnxruntime' needs the onnxruntime package: pip install 'eeinfer[cpu]'"
        ) from error
    module: ModuleType = onnxruntime
    return module


def share_threads(threads: int | None = None) -> int:
    """Give all ONNX Runtime sessions of this process one thread pool: the fastest way to run a cascade.

    Call it once, at the start of a process that is yours: afterwards ONNX Runtime refuses sessions that are made with
    its default settings; theirs need ``SessionOptions.use_per_session_threads = False``. ``eeinfer.load`` sees to its
    own. Without this call every segment has a pool of its own that does not spin.

    Args:
        threads: size of the pool; None takes one per physical core open to the process.

    Returns:
        The size of the pool.

    Raises:
        ConfigError: a size below 1, or the process has a pool of another size already.
        DependencyError: ONNX Runtime is not installed.
    """
    global _pool_threads
    count = physical_cores() if threads is None else threads
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ConfigError(f"threads is {threads!r}; give 1 or more, or None for one per physical core")
    ort = onnxruntime()
    with _arena_lock:
        if _pool_threads == count:
            return count
        try:
            ort.set_global_thread_pool_sizes(count, 1)
        except Exception as error:  # ONNX Runtime's own classes derive from Exception alone
            size = "a pool" if _pool_threads is None else f"a pool of {_pool_threads}"
            raise ConfigError(
                f"this process has {size} for all sessions already; call share_threads({count}) once, at its start"
            ) from error
        _pool_threads = count
        return count


def open_session(path: Path, *, threads: int) -> tuple[Any, int | None]:
    """Open the graph at ``path`` on the CPU.

    Args:
        path: an ONNX file; its external data lies beside it.
        threads: threads per run where the session keeps its own pool; 1 means no pool.

    Returns:
        The ``InferenceSession``, and its threads per run: the process's where that has one pool for all, and None
        where somebody else made that pool.

    Raises:
        BundleError: ONNX Runtime cannot read or run the graph.
    """
    ort = onnxruntime()
    _share_arena(ort)
    if _pool_threads is not None:
        return _opened(ort, path, None), _pool_threads
    try:
        return _opened(ort, path, threads), threads
    except BundleError as error:
        if _REFUSED_OWN_POOL not in str(error.__cause__):
            raise
        return _opened(ort, path, None), None


def _opened(ort: ModuleType, path: Path, threads: int | None) -> Any:
    try:
        # Its fallback prints to stdout and tries the same provider again.
        return ort.InferenceSession(
            str(path), _options(ort, threads), providers=["CPUExecutionProvider"], enable_fallback=0
        )
    except Exception as error:  # ONNX Runtime's own classes derive from Exception alone
        raise _unreadable(path, error) from error


def _options(ort: ModuleType, threads: int | None) -> Any:
    options = ort.SessionOptions()
    options.log_severity_level = _FATAL
    options.add_session_config_entry("session.use_env_allocators", "1")
    if threads is None:
        options.use_per_session_threads = False
    else:
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _share_arena(ort: ModuleType) -> None:
    """Register, once per process, the arena that sessions with ``use_env_allocators`` draw from."""
    global _arena_made
    with _arena_lock:
        if not _arena_made:
            kind = ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR
            ort.create_and_register_allocator(ort.OrtMemoryInfo("Cpu", kind, 0, ort.OrtMemType.DEFAULT), None)
            _arena_made = True


def _unreadable(path: Path, error: Exception) -> BundleError:
    reason = str(error).strip().splitlines()[0]
    return BundleError(f"ONNX Runtime cannot open {path}: {reason}; export the bundle again")


def check_graph(session: Any, segment: Segment, *, classes: int, where: Path) -> None:
    """Refuse a graph whose inputs and outputs are not the manifest's.

    Raises:
        BundleError: naming the first tensor that differs.
    """
    exit = (
        TensorSpec(name="logits", dtype="float32", shape=(classes,)),
        TensorSpec(name="score", dtype="float32", shape=()),
        TensorSpec(name="prediction", dtype="int64", shape=()),
    )
    for side, nodes, specs in (
        ("input", session.get_inputs(), segment.inputs),
        ("output", session.get_outputs(), (*exit, *segment.carried)),
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

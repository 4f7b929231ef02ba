"""What all ONNX Runtime sessions of a process have in common: one arena and, where it was asked for, one thread pool.

With default settings a cascade loses: every session brings a thread pool that goes on spinning while the next
session computes, and an arena of its own whose memory is cold each time. Here all sessions of the process draw from
one arena, and pools never spin, unless the process has one pool for all its sessions. That is fastest: the pool spins,
and no other pool takes its cores. That pool is made by ``share_threads`` and not by itself: from then on ONNX Runtime
refuses every session in the process that keeps its default settings, other libraries' too.
"""

import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

from eeinfer.errors import ConfigError, DependencyError
from eeinfer.machine.cores import physical_cores
from eeinfer.machine.telemetry import silenced
from eeinfer.numbers import is_whole

LIBRARY = "onnxruntime"
FATAL = 4  # severity of the log: whatever is not fatal arrives as an exception too
_REFUSED_OWN_POOL = "use_per_session_threads must be false"

_lock = threading.Lock()
_arena_made = False
_pool_threads: int | None = None  # size of the pool that share_threads made


def onnxruntime() -> ModuleType:
    """Import ONNX Runtime, which then tells nobody that it runs.

    Raises:
        DependencyError: it is not installed.
    """
    try:
        with silenced():
            import onnxruntime
    except ImportError as error:
        raise DependencyError(
            "backend 'onnxruntime' needs the onnxruntime package: pip install 'eeinfer[cpu]'"
        ) from error
    module: ModuleType = onnxruntime
    return module


def library() -> str:
    """Return its name and version, as the machine's records have it."""
    return f"{LIBRARY} {onnxruntime().__version__}"


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
    if not is_whole(count, 1):
        raise ConfigError(f"threads is {threads!r}; give 1 or more, or None for one per physical core")
    ort = onnxruntime()
    with _lock:
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


def shared_threads() -> int | None:
    """Return the size of the pool that ``share_threads`` made; None where it was not called."""
    return _pool_threads


def open_in_pool(make: Callable[[bool], Any]) -> tuple[Any, bool]:
    """Open a session in the pool of the process where it has one, with a pool of its own otherwise.

    Args:
        make: makes the session; it is told whether the session takes the pool of the process.

    Returns:
        The session, and whether it takes the pool of the process, which somebody else may have made too.
    """
    if shared_threads() is not None:
        return make(True), True
    try:
        return make(False), False
    except Exception as error:  # ONNX Runtime's own classes derive from Exception alone
        if _REFUSED_OWN_POOL not in str(error):
            raise
        return make(True), True


def share_arena() -> None:
    """Register, once per process, the arena that sessions with ``use_env_allocators`` draw from."""
    global _arena_made
    ort = onnxruntime()
    with _lock:
        if not _arena_made:
            kind = ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR
            ort.create_and_register_allocator(ort.OrtMemoryInfo("Cpu", kind, 0, ort.OrtMemType.DEFAULT), None)
            _arena_made = True

"""Calls of NVIDIA's Python bindings: each returns a status first, and here a bad status is an error."""

from types import ModuleType
from typing import Any

from eeinfer.backends.cuda.api import CudaError
from eeinfer.errors import DependencyError

_OLDEST_BINDINGS = 12, 9
_FORGET_ERROR = "cudaGetLastError"  # of the runtime: otherwise its next call would report the same error again


def bindings() -> tuple[ModuleType, ModuleType]:
    """Import NVIDIA's bindings of the runtime and of the driver.

    Raises:
        DependencyError: they are missing or too old.
    """
    try:
        from cuda.bindings import __version__, driver, runtime
    except ImportError as error:
        raise DependencyError("an NVIDIA GPU needs the cuda-bindings package: pip install 'eeinfer[cuda]'") from error
    if tuple(map(int, __version__.split(".")[:2])) < _OLDEST_BINDINGS:
        raise DependencyError(f"cuda-bindings {__version__} is too old: pip install 'cuda-bindings>=12.9'")
    return runtime, driver


def call(module: ModuleType, name: str, *arguments: Any) -> Any:
    """Call a function of the bindings and return what comes behind the status: one value, or a list of them.

    Raises:
        CudaError: it failed.
    """
    status, *results = getattr(module, name)(*arguments)
    if int(status):
        if hasattr(module, _FORGET_ERROR):
            getattr(module, _FORGET_ERROR)()
        raise CudaError(f"{name} failed: {status.name}")
    return results[0] if len(results) == 1 else results

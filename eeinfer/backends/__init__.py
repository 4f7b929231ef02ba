"""Backends by name. Each is imported when it is asked for, so that none is needed that is not used."""

from importlib import import_module

from eeinfer.backends.base import Backend
from eeinfer.backends.pools import share_threads as share_threads
from eeinfer.bundle import Bundle
from eeinfer.errors import ConfigError

BACKENDS = {
    "onnxruntime": "eeinfer.backends.ort:OrtBackend",
}


def open_backend(name: str, bundle: Bundle, *, device: str, threads: int | str | None, verify: bool = True) -> Backend:
    """Open every segment of ``bundle`` with the backend ``name``.

    Raises:
        ConfigError: an unknown backend or device, or a setting of threads that is none.
        DependencyError: the backend's package is not installed.
        BundleError: a segment is not what the manifest says.
    """
    if name not in BACKENDS:
        raise ConfigError(f"unknown backend {name!r}; known are: {', '.join(BACKENDS)}")
    module, attribute = BACKENDS[name].split(":")
    backend: Backend = getattr(import_module(module), attribute)(bundle, device=device, threads=threads, verify=verify)
    return backend

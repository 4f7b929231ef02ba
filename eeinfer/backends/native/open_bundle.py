"""A bundle that the compiled library holds open."""

import ctypes
import os
import weakref
from ctypes import c_void_p

from eeinfer.backends.native.binding import Binding, Options
from eeinfer.backends.native.library import binding, host_api, onnxruntime_file
from eeinfer.bundle.folder import Bundle


class OpenBundle:
    """An engine of the library. It is closed when nobody holds on to it any more, lanes and batches included."""

    def __init__(self, bundle: Bundle, *, threads: str | None, verify: bool) -> None:
        """Open the bundle, check it and run every segment once.

        Raises:
            BundleError: it is missing, damaged, or does not run.
            ConfigError: the setting of threads does not fit.
            DependencyError: there is no such library, or no ONNX Runtime for it.
        """
        self.call: Binding = binding()
        self.manifest, handle = bundle.manifest, c_void_p()
        host = host_api(self.call)
        runtime = onnxruntime_file() if host is None else None
        options = Options(
            size=ctypes.sizeof(Options),
            skip_verify=not verify,
            threads=None if threads is None else threads.encode(),
            onnxruntime=None if runtime is None else os.fsencode(runtime),
            ort_api_base=host,
        )
        self.call.check(self.call.open(os.fsencode(bundle.path), ctypes.byref(options), ctypes.byref(handle)))
        self.handle = handle
        weakref.finalize(self, self.call.close, handle.value)

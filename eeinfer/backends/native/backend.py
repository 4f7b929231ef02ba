"""The compiled library as a backend: ONNX Runtime on the CPU, the loop in C++."""

from collections.abc import Mapping

from eeinfer.backends.native.lane import NativeLane
from eeinfer.backends.native.loop import NativeLoop
from eeinfer.backends.native.open_bundle import OpenBundle
from eeinfer.backends.onnx_runtime import shared_threads
from eeinfer.backends.threads import SHARED, as_threads
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import ConfigError


class NativeBackend:
    """One bundle, opened by the library. Implements ``eeinfer.backends.loop.LoopBackend``."""

    name = "native"
    level = device_ms = open_graph = None  # the host computes

    def __init__(
        self,
        bundle: Bundle,
        *,
        device: str,
        threads: int | str | None,
        verify: bool,
        options: Mapping[str, str] | None = None,
    ) -> None:
        if options:
            raise ConfigError(f"backend 'native' has no options, got {', '.join(options)}")
        plan = None if threads is None else as_threads(threads, [part.flops for part in bundle.manifest.segments])
        pool = shared_threads()  # that eeinfer.share_threads made; the library has one of the same size
        setting = str(plan) if plan else None if pool is None else f"{SHARED}:{pool}"
        self.device = device
        self._open = OpenBundle(bundle, threads=setting, verify=verify)
        self.threads = self._open.call.threads(self._open.handle) or None
        self.loop = NativeLoop(self, self._open)

    @property
    def optimised(self) -> bool:
        return bool(self._open.call.optimised(self._open.handle))

    def new_lane(self) -> NativeLane:
        return NativeLane(self._open)

"""The compiled library as a backend: ONNX Runtime on the CPU, the loop in C++."""

import warnings
from collections.abc import Mapping

from eeinfer.backends.native.lane import NativeLane
from eeinfer.backends.native.library import runtime_is_shared
from eeinfer.backends.native.loop import NativeLoop
from eeinfer.backends.native.open_bundle import OpenBundle
from eeinfer.backends.onnx_runtime import share_threads, shared_threads
from eeinfer.backends.threads import SHARED, Threads, as_threads
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import ConfigError


class NativeBackend:
    """One bundle, opened by the library. Implements ``eeinfer.backends.loop.LoopBackend``."""

    name = "native"
    level = device_ms = open_graph = None  # the host computes
    warm = True  # the library has run every segment

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
        self.device = device
        self._open = OpenBundle(bundle, threads=_setting(plan, in_our_runtime=runtime_is_shared()), verify=verify)
        self.threads = self._open.call.threads(self._open.handle) or None
        self.loop = NativeLoop(self, self._open)

    @property
    def optimised(self) -> bool:
        return bool(self._open.call.optimised(self._open.handle))

    def new_lane(self) -> NativeLane:
        return NativeLane(self._open)


def _setting(plan: Threads | None, *, in_our_runtime: bool) -> str | None:
    """Return the threads that the library is told: those of the pool that this process has for all sessions."""
    if in_our_runtime and plan is not None and plan.mode == SHARED:
        share_threads(plan.counts[0])
    pool = shared_threads()
    if pool is None or (plan is not None and not in_our_runtime):
        return None if plan is None else str(plan)
    if plan is not None and set(plan.counts) != {pool}:
        warnings.warn(f"threads={plan} has no effect: this process has one pool for all sessions", stacklevel=7)
    return f"{SHARED}:{pool}"

"""ONNX Runtime on the CPU: one session per segment, tensors passed on without a copy."""

import warnings
from collections.abc import Mapping

from eeinfer.backends.host import HostBackend
from eeinfer.backends.onnx_runtime import library, share_threads
from eeinfer.backends.ort.bound import binder
from eeinfer.backends.ort.segments import open_segments
from eeinfer.backends.profile import find_profile
from eeinfer.backends.row_costs import RowCosts
from eeinfer.backends.threads import SHARED, as_threads
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.layout import bytes_in_front
from eeinfer.errors import BundleError, ConfigError

# ONNX Runtime has no bf16 convolutions for a CPU; of fp8 its optimiser, up to 1.32, drops every ReLU before a
# QuantizeLinear, and answers wrongly.
_NOT_HERE = ("bf16", "fp8")


class OrtBackend(HostBackend):
    """The segments of one bundle as ONNX Runtime sessions. Implements ``eeinfer.backends.base.Backend``."""

    name = "onnxruntime"

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
            raise ConfigError(f"backend 'onnxruntime' has no options on the CPU, got {', '.join(options)}")
        if bundle.manifest.precision in _NOT_HERE:
            raise BundleError(
                f"{bundle.path} is in {bundle.manifest.precision}, which ONNX Runtime does not compute on a CPU; "
                "run it with TensorRT on a GPU, or take the fp32 bundle that it was made from"
            )
        self.device = device
        flops = [segment.flops for segment in bundle.manifest.segments]
        profile = find_profile(bundle, library())
        plan = as_threads(profile.threads if profile and threads is None else threads, flops)
        if plan.mode == SHARED:
            share_threads(plan.counts[0])
        self._open = open_segments(bundle, plan, verify=verify)
        self.threads = self._open.threads
        in_front = bytes_in_front(self._open.manifest)
        estimated = RowCosts.estimated(flops, in_front, threads=self.threads or 1)
        costs = profile.costs(in_front) if profile else estimated
        bind = binder(self._open.sessions)
        super().__init__(self._open.manifest, costs, one=bind, many=bind, tried=self._open.tried)
        if threads is not None and self._open.counts != plan.counts:
            warnings.warn(f"threads={threads} has no effect: this process has one pool for all sessions", stacklevel=6)

    @property
    def optimised(self) -> bool:
        return self._open.optimised

"""ONNX Runtime on the CPU: one session per segment, tensors passed on without a copy."""

import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from numpy.typing import NDArray

from eeinfer.backends.base import Exit, Inputs, Live
from eeinfer.backends.onnx_runtime import share_threads
from eeinfer.backends.ort.profile import find_profile
from eeinfer.backends.ort.segments import open_segments
from eeinfer.backends.row_costs import RowCosts
from eeinfer.backends.rows import OrtLane, OrtRows
from eeinfer.backends.threads import SHARED, as_threads
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.layout import bytes_in_front
from eeinfer.errors import BundleError, ConfigError

_KNOWN_CASES = 4096  # answers of `worth_compacting` that are remembered
_KEPT_BYTES = 1 << 26  # larger buffers are not kept for the next batch
# ONNX Runtime has no bf16 convolutions for a CPU; of fp8 its optimiser, up to 1.32, drops every ReLU before a
# QuantizeLinear, and answers wrongly.
_NOT_HERE = ("bf16", "fp8")


class OrtBackend:
    """The segments of one bundle as ONNX Runtime sessions. Implements ``eeinfer.backends.base.Backend``."""

    name = "onnxruntime"
    level = device_ms = open_graph = loop = None  # the host computes, and eeinfer.steps decides

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
        profile = find_profile(bundle)
        plan = as_threads(profile.threads if profile and threads is None else threads, flops)
        if plan.mode == SHARED:
            share_threads(plan.counts[0])
        self._open = open_segments(bundle, plan, verify=verify)
        self.threads = self._open.threads
        in_front = bytes_in_front(self._open.manifest)
        estimated = RowCosts.estimated(flops, in_front, threads=self.threads or 1)
        costs = profile.costs(in_front) if profile else estimated
        self._worth_compacting = lru_cache(_KNOWN_CASES)(costs.worth_compacting)
        self._idle: list[OrtRows] = []
        if threads is not None and self._open.counts != plan.counts:
            warnings.warn(f"threads={threads} has no effect: this process has one pool for all sessions", stacklevel=6)

    @property
    def optimised(self) -> bool:
        return self._open.optimised

    def new_lane(self) -> OrtLane:
        return OrtLane(self._open.sessions, self._open.manifest)

    def start(self, inputs: Inputs) -> Live:
        """Take a batch into buffers that a call before has left, or into new ones; ``inputs`` are read in place."""
        rows = self._room(len(next(iter(inputs.values()))))
        rows.load(inputs)
        return rows

    def _room(self, count: int) -> OrtRows:
        try:
            rows = self._idle.pop()
        except IndexError:
            rows = None
        if rows is None or rows.capacity < count:
            rows = OrtRows(self._open.sessions, self._open.manifest, count)
        return rows

    def run(self, segment: int, live: Live) -> Exit:
        exit: Exit = live.run(segment)
        return exit

    def worth_compacting(self, segment: int, rows: int, stays: int) -> bool:
        return self._worth_compacting(segment, rows, stays)

    def compact(self, live: Live, order: NDArray[Any]) -> Live:
        """Move the last rows into the holes."""
        live.take([live], order)
        return live

    def join(self, live: Live, other: Live, order: NDArray[Any]) -> Live:
        """Copy the rows of the other batch to where there is room for both."""
        joined = live if len(order) <= live.capacity else self._room(len(order))
        joined.take([live, other], order)
        self.release(other)
        if joined is not live:
            self.release(live)
        return joined

    def release(self, live: Live) -> None:
        """Keep the buffers for the next batch, unless they are large."""
        if live.bytes <= _KEPT_BYTES:
            self._idle.append(live)

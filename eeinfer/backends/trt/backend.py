"""The backend ``tensorrt``: plans that ``eeinfer export --trt`` built, run natively on an NVIDIA GPU."""

import warnings
from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from eeinfer.backends.base import Exit, Inputs
from eeinfer.backends.cuda import open_cuda
from eeinfer.backends.graph_check import check_fixed_sizes
from eeinfer.backends.levels import Level, read_level
from eeinfer.backends.trt.batch import Batch
from eeinfer.backends.trt.engines import find_engines
from eeinfer.backends.trt.lane import TrtLane
from eeinfer.backends.trt.workspace import Workspace
from eeinfer.bundle.folder import Bundle


class TrtBackend:
    """The plans of one bundle on one GPU. Implements ``eeinfer.backends.base.Backend``.

    The contexts and graphs of a bucket are made when a batch first needs it, once for each caller at the same time.
    """

    name = "tensorrt"
    optimised = open_graph = loop = None  # plans are all that runs here
    warm = False

    def __init__(
        self,
        bundle: Bundle,
        *,
        device: str,
        threads: int | str | None,
        verify: bool,
        options: Mapping[str, str],
    ) -> None:
        """Open the plans and make the first lane.

        Args:
            bundle: what to run.
            device: "cuda", or "cuda:1" for the second GPU.
            threads: without effect.
            verify: False skips the hashes of the plans.
            options: ``level``, any of ``eeinfer.backends.levels``. Where a level is refused, the next lower one runs,
                and the log says why. The highest if not given.

        Raises:
            ConfigError: no such device, or an option that is none.
            BundleError: there are no plans that fit this library and this device, or the bundle has dynamic axes.
            DependencyError: TensorRT, cuda-bindings or NVRTC is missing.
            CudaError: the device or TensorRT refuses.
        """
        level = read_level(options, backend=self.name, known=[*Level], default=max(Level))
        if threads is not None:
            warnings.warn(f"threads={threads} has no effect: the segments run on the GPU", stacklevel=6)
        check_fixed_sizes(bundle, self.name)
        self._cuda = open_cuda(device)
        self.device, self.threads = device, None
        self._engines = find_engines(bundle, self._cuda, verify=verify)
        first = TrtLane(self._engines, level)
        self.level = first.level
        self._lanes, self._idle = [first], list[Workspace]()

    def start(self, inputs: Inputs) -> Batch:
        """Take prepared rows to the device."""
        self._cuda.enter()
        try:
            workspace = self._idle.pop()
        except IndexError:
            graphs = self.level >= Level.GRAPHS
            workspace = Workspace(self._engines, self._engines.buckets.sizes, graphs=graphs, inputs_in_step=False)
        return Batch(workspace, inputs)

    def run(self, segment: int, live: Batch) -> Exit:
        """Compute a segment for every row."""
        self._cuda.enter()
        return live.run(segment)

    def worth_compacting(self, segment: int, rows: int, stays: int) -> bool:
        """Whether ``stays`` rows fit into smaller buckets than ``rows``; the gather costs little beside a segment."""
        return self._engines.buckets.padded(stays) < self._engines.buckets.padded(rows)

    def compact(self, live: Batch, order: NDArray[Any]) -> Batch:
        """Move the last rows into the holes, on the device, and into smaller buckets."""
        self._cuda.enter()
        live.compact(order)
        return live

    def join(self, live: Batch, other: Batch, order: NDArray[Any]) -> Batch:
        """Move the rows of the other batch in, on the device."""
        self._cuda.enter()
        live.join(other, order)
        self.release(other)
        return live

    def release(self, live: Batch) -> None:
        """Take the buffers of a batch back for the next one."""
        self._idle.append(live.ended())

    def new_lane(self) -> TrtLane:
        """Make the buffers for one row at a time."""
        try:
            return self._lanes.pop()
        except IndexError:
            return TrtLane(self._engines, self.level)

    def device_ms(self, inputs: Inputs, exit: int) -> float:
        """Return the GPU's own milliseconds for leaving at ``exit`` with one prepared row, B = 1."""
        lane = self.new_lane()
        try:
            return lane.device_ms(inputs, exit)
        finally:
            self._lanes.append(lane)

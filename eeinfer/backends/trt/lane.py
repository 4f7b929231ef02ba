"""Buffers that take one row through the plans, at any level of ``eeinfer.backends.levels``.

At level 2 nothing that is still read is written: segment k + 1 runs after the copy of exit k's answers has left the
place that all exits share on the device, because both are in one stream, in this order; on the host every exit has a
place of its own; and the next row is copied to the device behind whatever was left running.
"""

import logging
from collections.abc import Callable, Sequence
from functools import cached_property

from eeinfer.arrays import is_finite
from eeinfer.backends.base import Exit, Inputs
from eeinfer.backends.cuda.api import CudaError, Event
from eeinfer.backends.levels import Level
from eeinfer.backends.trt.device_loop import DeviceLoop
from eeinfer.backends.trt.engines import Engines
from eeinfer.backends.trt.workspace import Workspace

log = logging.getLogger(__name__)


class TrtLane:
    """Buffers, contexts and graphs for one row at a time. Implements ``Lane``."""

    def __init__(self, engines: Engines, level: Level) -> None:
        """Make and warm up what ``level`` needs, or what the next lower one needs where that is refused.

        Raises:
            CudaError: a segment does not run.
        """
        self._cuda, self._enqueued = engines.cuda, 0
        self._cuda.enter()
        bucket = engines.buckets.bucket(1)
        self._workspace = Workspace(engines, (bucket,), graphs=level >= Level.GRAPHS, inputs_in_step=True)
        self._block = self._workspace.block(bucket)
        graphs = self._workspace.graphs
        self._loop = self._made_loop() if level == Level.ON_DEVICE and graphs else None
        self.level = min(level, (Level.ON_DEVICE if self._loop else Level.AHEAD) if graphs else Level.PLAIN)
        self._ahead = self.level >= Level.AHEAD
        self.exits = tuple(Exit(*(array[:1] for array in exit)) for exit in self._block.exits)
        self._given = [*self._block.inputs.items()]
        self._scores = [exit.score.item for exit in self.exits]
        self._last = len(self.exits) - 1
        self.run_on_device: Callable[[Sequence[float]], int] | None = self._loop.run if self._loop else None

    def load(self, inputs: Inputs) -> bool:
        """Take one prepared row, B = 1, into page-locked memory; segment 0 brings it to the device."""
        for name, memory in self._given:
            memory[:1] = inputs[name]
        self._enqueued = 0
        return is_finite(inputs)

    def run(self, segment: int) -> float:
        """Compute a segment, all earlier ones having run, and return its score; its answers are in ``exits``."""
        self._cuda.enter()
        self._enqueue(segment)
        if self._ahead and segment < self._last:
            self._enqueue(segment + 1)
        self._block.wait(segment)
        score: float = self._scores[segment]()
        return score

    def device_ms(self, inputs: Inputs, exit: int) -> float:
        """Return the GPU's own milliseconds for leaving at ``exit``, from the copy of the inputs to that of the answer.

        Segments of their own are put into the stream all at once: what the same way takes beyond that is the host's.
        """
        self._cuda.enter()
        self.load(inputs)
        start, end = self._clock
        self._cuda.record(start, self._workspace.stream)
        if self._loop is not None:
            self._loop.begin([1.0] * exit + [0.0] * (len(self.exits) - exit))
        else:
            for segment in range(exit + 1):
                self._enqueue(segment)
        self._cuda.record(end, self._workspace.stream)
        self._cuda.wait(end)
        return self._cuda.elapsed_ms(start, end)

    @cached_property
    def _clock(self) -> tuple[Event, Event]:
        return self._block.holdings.event(timed=True), self._block.holdings.event(timed=True)

    def _enqueue(self, segment: int) -> None:
        if segment >= self._enqueued:
            self._workspace.enqueue(segment, self._block)
            self._enqueued = segment + 1

    def _made_loop(self) -> DeviceLoop | None:
        try:
            return DeviceLoop(self._workspace, self._block)
        except CudaError as refusal:
            # Its text, because a record of the error itself would keep these frames and their memory.
            log.warning("the host decides, the device cannot: %s", str(refusal))
            return None

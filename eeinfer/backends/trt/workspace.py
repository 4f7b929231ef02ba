"""Where one caller's segments run: a stream, contexts, graphs, one piece of memory for everybody's activations.

Segments of one caller never overlap, they follow each other in one stream; so they share their activations, and a
segment that nobody waits for any more disturbs nobody: it runs before what comes next.
"""

import logging
import weakref
from contextlib import suppress
from functools import partial

from eeinfer.backends.cuda.api import Cuda, CudaError, Executable, Stream
from eeinfer.backends.cuda.holdings import Holdings, captured
from eeinfer.backends.trt.block import Block
from eeinfer.backends.trt.context import Context
from eeinfer.backends.trt.engines import Engines

log = logging.getLogger(__name__)
_SPARE_BLOCKS = 4  # per bucket, kept between calls


class Workspace:
    """For one thread at a time."""

    def __init__(self, engines: Engines, buckets: tuple[int, ...], *, graphs: bool, inputs_in_step: bool) -> None:
        """Make the stream and the activations.

        Args:
            engines: what to run.
            buckets: the ones that will be asked for.
            graphs: whether to replay a CUDA graph per segment and bucket.
            inputs_in_step: whether segment 0 begins with the copy of the inputs; otherwise the caller sees to it.
        """
        self.engines, self.cuda, self.graphs = engines, engines.cuda, graphs
        self._inputs_in_step = inputs_in_step
        self._holdings, self._blocks = Holdings(self.cuda), list[Block]()
        self.stream: Stream = self._holdings.stream()
        size = max(map(engines.scratch_bytes, buckets))
        self._scratch = self._holdings.malloc(size), size
        self._contexts = dict[tuple[int, int], Context]()
        self._steps = dict[tuple[int, int], Executable]()  # by segment and bucket, for its first block
        self._owners = dict[int, Block]()
        self._spare = dict[int, list[Block]]()
        self.close = weakref.finalize(self, _close, self.cuda, self.stream, self._blocks, self._holdings)
        self.close.atexit = False  # the end of the process gives everything back

    def block(self, bucket: int) -> Block:
        """Take a block of this many rows; the first one of its bucket is warmed up and gets the graphs."""
        spare = self._spare.setdefault(bucket, [])
        if spare:
            return spare.pop()
        block = Block(self.engines, bucket)
        self._blocks.append(block)
        if bucket not in self._owners:
            self._owners[bucket] = block
            self._warm_up(block)
        return block

    def give_back(self, block: Block) -> None:
        """Return a block that nobody uses any more; the work that does must be done."""
        spare = self._spare[block.rows]
        if block is self._owners[block.rows]:
            spare.append(block)  # the next to be taken
        elif len(spare) < _SPARE_BLOCKS:
            spare.insert(0, block)
        else:
            self._blocks.remove(block)
            block.holdings.close()

    def recall(self) -> None:
        """Wait for all work and take back every block that is out."""
        self.cuda.enter()
        self.cuda.synchronize(self.stream)
        spare = {id(block) for blocks in self._spare.values() for block in blocks}
        for block in [block for block in self._blocks if id(block) not in spare]:
            self.give_back(block)

    def enqueue(self, segment: int, block: Block) -> None:
        """Put a segment, the way of its answers to the host and their mark into the stream."""
        step = self._steps.get((segment, block.rows)) if block is self._owners[block.rows] else None
        if step is None:
            self._step(segment, block)
        else:
            self.cuda.launch(step, self.stream)
        block.mark(segment, self.stream)

    def compute(self, segment: int, block: Block) -> None:
        """Put a segment alone into the stream.

        Raises:
            CudaError: TensorRT refuses.
        """
        key = segment, block.rows
        if key not in self._contexts:
            self._contexts[key] = Context(self.engines, *key, scratch=self._scratch, stream=self.stream)
        self._contexts[key].run(block, self.stream)

    def check_capturable(self, segment: int, block: Block) -> None:
        """Ask whether a segment that has run once may be captured.

        Raises:
            CaptureRefused: it may not.
        """
        self._contexts[segment, block.rows].check_capturable(self.stream)

    def _step(self, segment: int, block: Block) -> None:
        if segment == 0 and self._inputs_in_step:
            block.take_in(self.stream)
        self.compute(segment, block)
        block.bring_back(segment, self.stream)

    def _warm_up(self, block: Block) -> None:
        """Run every segment, because a first run prepares what a capture must not, then capture them."""
        segments = range(len(self.engines.manifest.segments))
        block.take_in(self.stream)
        for segment in segments:
            self._step(segment, block)
        self.cuda.synchronize(self.stream)
        try:
            for segment in segments if self.graphs else ():
                self.check_capturable(segment, block)
                graph = captured(self.cuda, self.stream, partial(self._step, segment, block))
                self._steps[segment, block.rows] = self._holdings.executable(graph)
        except CudaError as refusal:
            self.graphs = False
            self._steps.clear()
            # Its text, because a record of the error itself would keep these frames and their memory.
            log.warning("running without CUDA graphs: %s", str(refusal))


def _close(cuda: Cuda, stream: Stream, blocks: list[Block], holdings: Holdings) -> None:
    """Wait for what is under way, then give everything back."""
    with suppress(CudaError):
        cuda.enter()
        cuda.synchronize(stream)
    for block in blocks:
        block.holdings.close()
    holdings.close()

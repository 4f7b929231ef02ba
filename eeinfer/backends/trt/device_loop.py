"""The whole cascade as one CUDA graph: the device decides, and what comes after the exit never runs.

    copy inputs and taus -> segment 0 -> decide -> IF [ segment 1 -> decide -> IF [ segment 2 ... ] ] -> copy answers

Thresholds are data of the graph, so that they change from call to call without another capture. All exits write
their answers to one place, so that the last one that ran is what comes back.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np

from eeinfer.backends.cuda.api import CaptureRefused, CudaError, Graph
from eeinfer.backends.cuda.holdings import captured
from eeinfer.backends.cuda.kernels import decide
from eeinfer.backends.trt.block import EXIT_NUMBER, SCORES, Block
from eeinfer.backends.trt.workspace import Workspace

_SAME = 1e-2  # the same kernels on the same numbers: only a wrong order of atomic sums may show


class DeviceLoop:
    """One launch per call, for a block whose segments have all run once."""

    def __init__(self, workspace: Workspace, block: Block) -> None:
        """Capture the graph and try it.

        Raises:
            CudaError: a segment or the nesting cannot be captured, or the graph answers wrongly.
        """
        self._workspace, self._block, self._cuda = workspace, block, workspace.cuda
        self._last = len(block.exits) - 1
        if self._last == 0:
            raise CaptureRefused("with a single exit there is nothing to decide")
        memory = block.holdings.pinned(4 * len(block.exits))
        self._tau_memory, self._taus = memory, memory.view(np.float32)
        self._device_taus = block.holdings.malloc(memory.nbytes)
        self._answer = block.answer_memory()
        self._answers, (self._exit, self._scores) = block.exit(self._answer), block.verdict(self._answer)
        self._executable = block.holdings.executable(self._captured())
        self._check()

    def run(self, taus: Sequence[float]) -> int:
        """Run until a score is above its tau, and return that exit.

        The block's place for it on the host then holds its answer, and the places of earlier ones their scores.
        """
        self._cuda.enter()
        self.begin(taus)
        self._cuda.synchronize(self._workspace.stream)
        exit = int(self._exit[0])
        self._block.put(exit, self._answer)
        for k in range(exit):
            self._block.exits[k].score[0] = self._scores[k]
        return exit

    def begin(self, taus: Sequence[float]) -> None:
        """Put the cascade into the stream, where no earlier one is left."""
        self._taus[:] = taus
        self._cuda.launch(self._executable, self._workspace.stream)

    def _captured(self) -> Graph:
        """Write the root, then each branch into the one around it: one stream, one capture at a time."""
        stream, branches = self._workspace.stream, list[Graph]()
        root = captured(self._cuda, stream, partial(self._root, branches))
        try:
            for segment in range(1, self._last + 1):
                write = partial(self._segment, segment, branches)
                captured(self._cuda, stream, write, branch=branches[-1])
        except BaseException:
            self._cuda.destroy_graph(root)
            raise
        return root

    def _root(self, branches: list[Graph]) -> None:
        stream = self._workspace.stream
        self._block.take_in(stream)
        self._cuda.to_device(self._device_taus, self._tau_memory, stream)
        self._segment(0, branches)
        self._cuda.to_host(self._answer, self._block.answers, stream)

    def _segment(self, segment: int, branches: list[Graph]) -> None:
        """Write a segment, and the branch for those that stay behind it."""
        stream, addresses = self._workspace.stream, self._block.addresses
        self._workspace.compute(segment, self._block)
        if segment == self._last:
            return
        goes_on = self._cuda.condition(stream)
        score, results = addresses["score"], {"exit": addresses[EXIT_NUMBER], "scores": addresses[SCORES]}
        decide(self._cuda, stream, score=score, taus=self._device_taus, k=segment, goes_on=goes_on, **results)
        branches.append(self._cuda.branch(stream, goes_on))

    def _check(self) -> None:
        """Never leaving must end where the segments one by one do, which have run on the same image."""
        expected = self._block.exits[self._last].logits.copy()
        exit = self.run([1.0] * (self._last + 1))
        same = np.allclose(expected, self._answers.logits, rtol=_SAME, atol=_SAME, equal_nan=True)
        if exit != self._last or not same:
            raise CudaError(f"as one graph the cascade answers differently: exit {exit} of {self._last}")

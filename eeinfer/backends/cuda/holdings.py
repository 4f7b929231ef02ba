"""What was taken from a device, given back together; and tensors packed into one piece of memory."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

from eeinfer.backends.cuda.api import ALIGNMENT_BYTES, Cuda, CudaError, Event, Executable, Graph, Pinned, Stream


class Holdings:
    """Memory and handles of one owner, given back by ``close``, the last one first."""

    def __init__(self, cuda: Cuda) -> None:
        self.cuda = cuda
        self._returns: list[Callable[[], None]] = []

    def malloc(self, size: int) -> int:
        """Return the address of ``size`` bytes on the device, of at least one where ``size`` is 0."""
        address = self.cuda.malloc(max(size, 1))
        self._returns.append(partial(self.cuda.free, address))
        return address

    def pinned(self, size: int) -> Pinned:
        """Return ``size`` zeros in page-locked memory."""
        memory = self.cuda.pinned(size)
        self._returns.append(partial(self.cuda.free_pinned, memory))
        return memory

    def stream(self) -> Stream:
        """Return a new stream."""
        stream = self.cuda.stream()
        self._returns.append(partial(self.cuda.destroy_stream, stream))
        return stream

    def event(self, *, timed: bool = False) -> Event:
        """Return a new event."""
        event = self.cuda.event(timed=timed)
        self._returns.append(partial(self.cuda.destroy_event, event))
        return event

    def executable(self, graph: Graph) -> Executable:
        """Return the executable of a graph, which is given back at once.

        Raises:
            CaptureRefused: the graph cannot run.
        """
        executable = self.cuda.instantiate(graph)
        self._returns.append(partial(self.cuda.destroy_executable, executable))
        return executable

    def close(self) -> None:
        """Give everything back; nothing may be under way that uses it.

        After an error that broke the device nothing can be given back, and nothing needs to be.
        """
        while self._returns:
            with suppress(CudaError):
                self._returns.pop()()


def packed(sizes_bytes: Mapping[str, int]) -> tuple[dict[str, int], int]:
    """Return where each tensor starts if they lie one after the other, aligned, and the bytes of all."""
    offsets, end = {}, 0
    for name, size in sizes_bytes.items():
        offsets[name] = end
        end += -(-size // ALIGNMENT_BYTES) * ALIGNMENT_BYTES
    return offsets, end


def captured(cuda: Cuda, stream: Stream, write: Callable[[], None], *, branch: Graph | None = None) -> Graph:
    """Return the graph of what ``write`` puts into ``stream``: a new one, or the ``branch`` it fills.

    Raises:
        CaptureRefused: something in between was not allowed; the stream runs as before.
    """
    if branch is None:
        cuda.begin_capture(stream)
    else:
        cuda.begin_branch(stream, branch)
    try:
        write()
    except BaseException:
        with suppress(CudaError):
            graph = cuda.end_capture(stream)
            if branch is None:
                cuda.destroy_graph(graph)
        raise
    return cuda.end_capture(stream)

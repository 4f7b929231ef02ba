"""What we ask of CUDA: few calls, one device, and what must hold for each. The driver and the tests' fake obey it.

Words. A stream is a queue: what is put into it runs in order, later than the call that put it there and at the latest
when somebody waits. While a stream captures, what is put into it does not run, it is written into a graph.
An executable is a graph that can be launched, as one entry of a stream; it replays the very addresses it was captured
with, so that all memory it names has to stay allocated, and it reads their contents when it runs. A condition is a
number on the device that a kernel sets and that decides whether a branch of the graph runs.

For all calls: the device is current to the calling thread (``enter``). Nothing is ever put into the default stream.
While a stream captures, its thread may only put work into it, and begin or end captures; anything else refuses the
capture. Handles may be given back in any order once the work that uses them is done. Every failure is a ``CudaError``.
"""

from collections.abc import Sequence
from typing import Any, Protocol, SupportsInt, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eeinfer.errors import EeinferError

ALIGNMENT_BYTES = 256  # every tensor starts at a multiple of it; ``malloc`` aligns at least so

# Handles are opaque; a stream's integer is what other libraries take.
Stream: TypeAlias = SupportsInt
Event: TypeAlias = SupportsInt
Graph: TypeAlias = SupportsInt
Executable: TypeAlias = SupportsInt
Condition: TypeAlias = SupportsInt
Pinned: TypeAlias = NDArray[np.uint8]
Argument: TypeAlias = Any  # a ctypes number: its type is the kernel's


class CudaError(EeinferError):
    """A CUDA call failed; the message names the call and the error."""


class CaptureRefused(CudaError):
    """What was put into a capturing stream cannot become a graph, or the graph cannot become an executable."""


class Cuda(Protocol):
    """One device. Any number of threads may use it at once, each with streams of its own."""

    name: str
    capability: tuple[int, int]

    def enter(self) -> None:
        """Make the device current to the calling thread, and leave it so; cheap where it is so already."""

    def malloc(self, size: int) -> int:
        """Return the address of ``size`` new bytes on the device, whose contents are arbitrary. Not while capturing."""

    def free(self, address: int) -> None:
        """Give back what ``malloc`` returned, once. Work under way that names it must be done. Not while capturing."""

    def pinned(self, size: int) -> Pinned:
        """Return ``size`` zeros in page-locked host memory, where copies do not make the host wait.

        A copy under way may read or write it at any moment between its being put into a stream and the wait that
        covers it: until then the host must not write what is read, nor read what is written. Not while capturing.
        """

    def free_pinned(self, memory: Pinned) -> None:
        """Give back what ``pinned`` returned: the very array, once. Views of it are void from then on."""

    def stream(self) -> Stream:
        """Make a stream that waits for no other, the default stream included."""

    def destroy_stream(self, stream: Stream) -> None:
        """Give a stream back; nothing may be under way in it."""

    def synchronize(self, stream: Stream) -> None:
        """Wait until all that was put into ``stream`` is done. Not while capturing."""

    def event(self, *, timed: bool = False) -> Event:
        """Make an event; only timed ones can be asked for the time between them."""

    def destroy_event(self, event: Event) -> None:
        """Give an event back."""

    def record(self, event: Event, stream: Stream) -> None:
        """Put a mark into ``stream``. The event stands for its latest mark. Not into a capturing stream."""

    def wait(self, event: Event) -> None:
        """Wait until all that was put into the stream before the event's latest mark is done; later work may run on."""

    def elapsed_ms(self, start: Event, end: Event) -> float:
        """Return the milliseconds between the marks of two timed events, both waited for."""

    def to_device(self, target: int, source: Pinned, stream: Stream) -> None:
        """Put a copy of the whole of ``source``, a view of pinned memory without gaps, into ``stream``.

        In a graph it reads what lies in ``source`` when it runs. Only in a graph's root, never in a branch.
        """

    def to_host(self, target: Pinned, source: int, stream: Stream) -> None:
        """Put a copy that fills ``target``, a view of pinned memory without gaps, into ``stream``. As ``to_device``."""

    def run_kernel(self, name: str, threads: int, arguments: Sequence[Argument], stream: Stream) -> None:
        """Put a kernel of ``eeinfer.backends.cuda.kernels`` into ``stream``.

        Below 256 there are exactly ``threads`` threads, in one block; above, blocks of 256, the last one filled up.
        The arguments' values are taken at once, also into a graph; what lies at addresses among them is read later.
        """

    def begin_capture(self, stream: Stream) -> None:
        """Let ``stream`` write a new graph. It must be idle and not capturing; other threads are not disturbed."""

    def begin_branch(self, stream: Stream, branch: Graph) -> None:
        """Let ``stream`` write into ``branch``, which is empty; the capture that made it has ended."""

    def end_capture(self, stream: Stream) -> Graph:
        """Return what was written since the capture began; the stream runs again from here on, refused or not.

        Raises:
            CaptureRefused: something in between was not allowed.
        """

    def condition(self, stream: Stream) -> Condition:
        """Make a condition for one branch of the graph that ``stream`` writes; 0 whenever that graph is launched."""

    def branch(self, stream: Stream, condition: Condition) -> Graph:
        """Write a branch: it runs after all before it, where ``condition`` is not 0 by then; the rest waits for it.

        The graph that is returned is empty and belongs to the one it is in: fill it by ``begin_branch``.
        """

    def destroy_graph(self, graph: Graph) -> None:
        """Give a root graph back that will not become an executable; its branches go with it."""

    def instantiate(self, graph: Graph) -> Executable:
        """Return an executable of a root graph with its filled branches, and give the graph back, refused or not.

        Raises:
            CaptureRefused: a branch holds what a branch may not: copies to or from the host, for one.
        """

    def launch(self, executable: Executable, stream: Stream) -> None:
        """Put all of it into ``stream``. A second launch begins when the first is done. Not into a capturing stream."""

    def destroy_executable(self, executable: Executable) -> None:
        """Give an executable back; it may not be running."""

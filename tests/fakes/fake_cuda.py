"""CUDA without a GPU, for tests: the contract of `eeinfer.backends.cuda.api.Cuda`, enforced.

Device memory is host memory at addresses of our own. Streams queue what is put into them; how far they get while nobody
waits is drawn by lot, or nothing at all ("lazy"), or everything ("eager"): code that is right under all of these waits
for what it needs and no longer than it needs to. Page-locked memory that a copy will fill holds rubbish until then. Any
use that the contract does not allow raises `Misuse`, which is no `CudaError`: nothing in the package catches it.
"""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from fake_cuda_machine import RUBBISH as RUBBISH
from fake_cuda_machine import Machine
from fake_cuda_parts import Condition, Event, Executable, Graph, Node, Stream
from fake_cuda_parts import Misuse as Misuse

from eeinfer.backends.cuda.api import ALIGNMENT_BYTES, CaptureRefused


class FakeCuda(Machine):
    """One device that is not there. `refuses` names calls that answer with `CaptureRefused`."""

    name = "Fake GPU"

    def alive(self) -> dict[str, int]:
        """How much of everything has not been given back."""
        kinds = ("memory", "pinned", "streams", "events", "graphs", "executables")
        return {kind: len(getattr(self, f"_{kind}")) for kind in kinds if getattr(self, f"_{kind}")}

    def enter(self) -> None:
        self._entered.add(threading.get_ident())

    def malloc(self, size: int) -> int:
        with self._call(quiet=True):
            self._insist(size > 0, "malloc of nothing")
            address = self._next
            self._next += (-(-size // ALIGNMENT_BYTES) + 1) * ALIGNMENT_BYTES  # with a gap behind it
            self._memory[address] = np.frombuffer(self._random.randbytes(size), np.uint8).copy()
            return address

    def free(self, address: int) -> None:
        with self._call(quiet=True):
            self._insist(address in self._memory, f"free of {address:#x}, which is not allocated")
            del self._memory[address]

    def pinned(self, size: int) -> np.ndarray:
        with self._call(quiet=True):
            memory = np.zeros(size, np.uint8)
            self._pinned[memory.ctypes.data] = memory
            return memory

    def free_pinned(self, memory: np.ndarray) -> None:
        with self._call(quiet=True):
            self._insist(self._pinned.get(memory.ctypes.data) is memory, "free of memory that is not page-locked")
            del self._pinned[memory.ctypes.data]

    def stream(self) -> Stream:
        with self._call(quiet=True):
            return self._kept(self._streams, Stream())

    def destroy_stream(self, stream: Stream) -> None:
        with self._call(quiet=True):
            self._insist(not self._streams[int(stream)].queue, "a stream is destroyed while work is under way in it")
            del self._streams[int(stream)]

    def synchronize(self, stream: Stream) -> None:
        with self._call(quiet=True):
            self.waits += 1
            self._drain(self._streams[int(stream)])

    def event(self, *, timed: bool = False) -> Event:
        with self._call(quiet=True):
            return self._kept(self._events, Event(timed))

    def destroy_event(self, event: Event) -> None:
        with self._call(quiet=True):
            del self._events[int(event)]

    def record(self, event: Event, stream: Stream) -> None:
        with self._call():
            mine = self._streams[int(stream)]
            self._insist(int(event) in self._events, "an event that is not there is recorded")
            self._insist(mine.capture is None, "an event is recorded into a capturing stream")
            event.latest, event.stream = event.latest + 1, mine
            mine.queue.append(lambda number=event.latest: self._mark(event, number))

    def wait(self, event: Event) -> None:
        with self._call(quiet=True):
            self.waits += 1
            self._insist(int(event) in self._events and event.stream is not None, "a wait for an event without a mark")
            while event.done < event.latest:
                event.stream.queue.popleft()()

    def elapsed_ms(self, start: Event, end: Event) -> float:
        with self._call(quiet=True):
            for event in (start, end):
                self._insist(event.timed, "the time of an event that is not timed")
                self._insist(event.done == event.latest > 0, "the time of an event that was not waited for")
            return (end.time_s - start.time_s) * 1e3

    def to_device(self, target: int, source: np.ndarray, stream: Stream) -> None:
        with self._call():
            self._check_pinned(source)
            self.put(stream, Node("copy_in", lambda launch: self._fill(target, source)))

    def to_host(self, target: np.ndarray, source: int, stream: Stream) -> None:
        with self._call():
            self._check_pinned(target)
            self.put(stream, Node("copy_out", lambda launch: self._fetch(target, source), fills=target))

    def run_kernel(self, name: str, threads: int, arguments: Sequence[Any], stream: Stream) -> None:
        with self._call():
            kernel, values = getattr(self, f"_kernel_{name}"), [argument.value for argument in arguments]
            self._insist(threads > 0, f"{name} without threads")
            self.put(stream, Node("kernel", lambda launch: kernel(launch, threads, *values)))

    def begin_capture(self, stream: Stream) -> None:
        with self._call(quiet=True):
            graph = Graph()
            self._begin(self._streams[int(stream)], graph)
            self._graphs[graph.number] = graph

    def begin_branch(self, stream: Stream, branch: Graph) -> None:
        with self._call(quiet=True):
            self._may("begin_branch")
            self._insist(branch.root is not branch and not branch.filled, "a branch is filled twice, or is none")
            self._insist(all(s.capture is not branch.root for s in self._streams.values()), "its root is being written")
            self._begin(self._streams[int(stream)], branch)

    def end_capture(self, stream: Stream) -> Graph:
        with self._call(ends=True):
            mine = self._streams[int(stream)]
            graph, mine.capture, spoiled = mine.capture, None, mine.spoiled
            self._insist(graph is not None, "the end of a capture that was not begun")
            self._insist(mine.thread == threading.get_ident(), "a capture ends in another thread than it began")
            if spoiled or "end_capture" in self.refuses:
                self._graphs.pop(graph.number, None)
                raise CaptureRefused("cudaStreamEndCapture failed: cudaErrorStreamCaptureInvalidated")
            graph.filled = True
            return graph

    def condition(self, stream: Stream) -> Condition:
        with self._call(captures=stream):
            self._may("condition")
            condition = Condition()
            self._streams[int(stream)].capture.root.conditions[int(condition)] = False
            return condition

    def branch(self, stream: Stream, condition: Condition) -> Graph:
        with self._call(captures=stream):
            self._may("branch")
            around = self._streams[int(stream)].capture
            self._insist(around.root.conditions[int(condition)] is False, "a condition decides two branches")
            around.root.conditions[int(condition)] = True
            body = Graph(around.root)
            around.root.branches.append(body)
            around.nodes.append(Node("branch", lambda launch: self._enter_branch(launch, condition, body)))
            return body

    def destroy_graph(self, graph: Graph) -> None:
        with self._call(quiet=True):
            self._insist(graph.root is graph and self._graphs.pop(graph.number, None) is graph, "not a root graph")

    def instantiate(self, graph: Graph) -> Executable:
        with self._call(quiet=True):
            self.destroy_graph(graph)
            self._may("instantiate")
            self._insist(graph.filled, "a graph is still being written")
            self._insist(all(graph.conditions.values()), "a condition decides nothing")
            for branch in graph.branches:
                self._insist(branch.filled, "a branch is empty")
                if any(node.kind.startswith("copy") for node in branch.nodes):
                    raise CaptureRefused("cudaGraphInstantiate failed: a branch copies to or from the host")
            return self._kept(self._executables, Executable(graph))

    def launch(self, executable: Executable, stream: Stream) -> None:
        with self._call():
            mine = self._streams[int(stream)]
            self._insist(int(executable) in self._executables, "an executable that is not there is launched")
            self._insist(mine.capture is None, "an executable is launched into a capturing stream")
            self.launches += 1
            executable.waiting += 1
            for node in executable.nodes:
                self._spoil(node)
            mine.queue.append(lambda: self._replay(executable))

    def destroy_executable(self, executable: Executable) -> None:
        with self._call(quiet=True):
            self._insist(not executable.waiting, "an executable is destroyed while it is under way")
            del self._executables[int(executable)]

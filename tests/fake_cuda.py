"""CUDA without a GPU, for tests: the contract of `eeinfer.backends.cuda.api.Cuda`, enforced.

Device memory is host memory at addresses of our own. Streams queue what is put into them; how far they get while nobody
waits is drawn by lot, or nothing at all ("lazy"), or everything ("eager"): code that is right under all of these waits
for what it needs and no longer than it needs to. Page-locked memory that a copy will fill holds rubbish until then. Any
use that the contract does not allow raises `Misuse`, which is no `CudaError`: nothing in the package catches it.
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from eeinfer.backends.cuda.api import ALIGNMENT_BYTES, CaptureRefused

RUBBISH = 0xFF  # makes NaN of floats and -1 of integers


class Misuse(AssertionError):
    """A call that the contract does not allow."""


class Handle:
    numbers = iter(range(1, 1 << 62))

    def __init__(self) -> None:
        self.number = next(self.numbers)

    def __int__(self) -> int:
        return self.number


@dataclass
class Node:
    kind: str  # copy_in, copy_out, kernel, engine, branch
    run: "Callable[[Launch], None]"
    fills: Any = None  # page-locked memory that is rubbish from the launch on


@dataclass
class Launch:
    """One run of a graph: the values of its conditions."""

    values: dict[int, int] = field(default_factory=dict)


class Graph(Handle):
    def __init__(self, root: "Graph | None" = None) -> None:
        super().__init__()
        self.root, self.nodes, self.filled, self.destroyed = root or self, list[Node](), False, False
        self.conditions, self.branches = dict[int, bool](), list[Graph]()  # condition -> whether a branch uses it


class Condition(Handle):
    pass


class Event(Handle):
    def __init__(self, timed: bool) -> None:
        super().__init__()
        self.timed, self.latest, self.done, self.time_s = timed, 0, 0, 0.0
        self.stream: Stream | None = None


class Executable(Handle):
    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.nodes, self.conditions, self.waiting = graph.nodes, list(graph.conditions), 0


class Stream(Handle):
    def __init__(self) -> None:
        super().__init__()
        self.queue, self.thread, self.spoiled = deque[Callable[[], None]](), 0, False
        self.capture: Graph | None = None


class FakeCuda:
    """One device that is not there. `refuses` names calls that answer with `CaptureRefused`."""

    name = "Fake GPU"

    def __init__(self, *, schedule: str = "random", seed: int = 0, refuses: Sequence[str] = ()) -> None:
        self.capability, self.refuses, self._schedule = (8, 6), set(refuses), schedule
        self._random, self._lock, self._next = random.Random(seed), threading.RLock(), 1 << 40
        self._entered = set[int]()
        self._memory, self._pinned = dict[int, np.ndarray](), dict[int, np.ndarray]()
        self._streams, self._events = dict[int, Stream](), dict[int, Event]()
        self._graphs, self._executables = dict[int, Graph](), dict[int, Executable]()
        self.misuses, self.launches, self.waits, self.ran = list[str](), 0, 0, list[str]()

    def alive(self) -> dict[str, int]:
        """How much of everything has not been given back."""
        kinds = ("memory", "pinned", "streams", "events", "graphs", "executables")
        return {kind: len(getattr(self, f"_{kind}")) for kind in kinds if getattr(self, f"_{kind}")}

    # The contract.

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

    # For the fake TensorRT, which puts work into streams too.

    def put(self, stream: Any, node: Node) -> None:
        with self._call():
            mine = self._streams.get(int(stream))
            self._insist(mine is not None, f"work for the stream {int(stream)}")
            if mine.capture is not None:
                self._insist(mine.thread == threading.get_ident(), "work for a stream that another thread captures")
                mine.capture.nodes.append(node)
                return
            self._spoil(node)
            mine.queue.append(lambda: self._run(node, None))

    def captures(self, stream: Any) -> bool:
        return self._streams[int(stream)].capture is not None

    def view(self, address: int, size: int) -> np.ndarray:
        """The bytes from `address` on, all of which one piece of memory has to hold."""
        start = max((base for base in self._memory if base <= address), default=0)
        memory = self._memory.get(start)
        self._insist(
            memory is not None and address + size <= start + len(memory),
            f"{size} bytes at {address:#x} are not allocated, or not any more",
        )
        return memory[address - start : address - start + size]

    # How it works.

    @contextmanager
    def _call(self, *, quiet: bool = False, ends: bool = False, captures: Any = None) -> Iterator[None]:
        """Every call: one at a time, by a thread that entered; `quiet` ones are not allowed while it captures."""
        with self._lock:
            self._insist(threading.get_ident() in self._entered, "a call by a thread that did not enter")
            mine = [s for s in self._streams.values() if s.capture and s.thread == threading.get_ident()]
            if quiet and mine:
                mine[0].spoiled = True
                raise self._misuse("a call that a capture does not allow")
            if captures is not None:
                self._insist(self._streams[int(captures)] in mine, "the stream does not capture")
            if not (ends or mine):
                self._progress()
            yield

    def _progress(self) -> None:
        if self._schedule != "lazy":
            for stream in self._streams.values():
                share = 1.0 if self._schedule == "eager" else self._random.random()
                for _ in range(int(share * len(stream.queue))):
                    stream.queue.popleft()()

    def _insist(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise self._misuse(otherwise)

    def _misuse(self, text: str) -> Misuse:
        self.misuses.append(text)
        return Misuse(text)

    def _may(self, call: str) -> None:
        if call in self.refuses:
            raise CaptureRefused(f"{call} failed: cudaErrorNotSupported")

    def _kept(self, where: dict[int, Any], handle: Any) -> Any:
        where[int(handle)] = handle
        return handle

    def _check_pinned(self, memory: np.ndarray) -> None:
        start = memory.ctypes.data
        holds = any(at <= start and start + memory.nbytes <= at + len(m) for at, m in self._pinned.items())
        self._insist(holds and memory.flags.c_contiguous, "a copy from or to memory that is not page-locked")

    def _begin(self, stream: Stream, graph: Graph) -> None:
        self._insist(stream.capture is None, "a stream captures twice")
        stream.capture, stream.thread, stream.spoiled = graph, threading.get_ident(), False

    def _drain(self, stream: Stream) -> None:
        while stream.queue:
            stream.queue.popleft()()

    def _mark(self, event: Event, number: int) -> None:
        event.done, event.time_s = number, time.perf_counter()

    def _spoil(self, node: Node) -> None:
        if node.fills is not None:
            node.fills.view(np.uint8)[...] = RUBBISH

    def _run(self, node: Node, launch: Launch | None) -> None:
        self.ran.append(node.kind)
        node.run(launch)

    def _replay(self, executable: Executable) -> None:
        executable.waiting -= 1
        launch = Launch(dict.fromkeys(executable.conditions, 0))
        for node in executable.nodes:
            self._run(node, launch)

    def _enter_branch(self, launch: Launch, condition: Condition, body: Graph) -> None:
        if launch.values[int(condition)]:
            for node in body.nodes:
                self._run(node, launch)

    def _fill(self, target: int, source: np.ndarray) -> None:
        self.view(target, source.nbytes)[:] = source.reshape(-1).view(np.uint8)

    def _fetch(self, target: np.ndarray, source: int) -> None:
        target.reshape(-1).view(np.uint8)[:] = self.view(source, target.nbytes)

    def _kernel_decide(
        self, launch: Launch | None, threads: int, score: int, taus: int, k: int, exit: int, scores: int, goes_on: int
    ) -> None:
        self._insist(threads == 1, "several threads set one condition")
        self._insist(launch is not None and goes_on in launch.values, "a condition of no graph that runs")
        value = self.view(score, 4).view(np.float32)[0]
        leaves = bool(value > self.view(taus + 4 * k, 4).view(np.float32)[0])
        self.view(exit, 4).view(np.int32)[0] = k if leaves else k + 1
        self.view(scores + 4 * k, 4).view(np.float32)[0] = value
        launch.values[goes_on] = int(not leaves)

    def _kernel_move_rows(
        self, _: Launch | None, threads: int, target: int, source: int, moves: int, count: int, size: int, piece: int
    ) -> None:
        self._insist(size % piece == 0 and threads == count * size // piece, "pieces that are not the rows")
        pairs = self.view(moves, 8 * count).view(np.int32).reshape(count, 2)
        written = {target + int(to) * size for to, _ in pairs}
        read = {source + int(fro) * size for _, fro in pairs}
        self._insist(len(written) == count and not written & read, "a row is written twice, or read and written")
        for to, fro in pairs.tolist():
            self.view(target + to * size, size)[:] = self.view(source + fro * size, size)

"""How `fake_cuda` works: memory, queues, graphs, and the two kernels in NumPy."""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from fake_cuda_parts import Condition, Event, Executable, Graph, Launch, Misuse, Node, Stream

from eeinfer.backends.cuda.api import CaptureRefused

RUBBISH = 0xFF  # makes NaN of floats and -1 of integers


class Machine:
    """What the contract's calls are made of."""

    def __init__(self, *, schedule: str = "random", seed: int = 0, refuses: Sequence[str] = ()) -> None:
        self.capability, self.refuses, self._schedule = (8, 6), set(refuses), schedule
        self._random, self._lock, self._next = random.Random(seed), threading.RLock(), 1 << 40
        self._entered = set[int]()
        self._memory, self._pinned = dict[int, np.ndarray](), dict[int, np.ndarray]()
        self._streams, self._events = dict[int, Stream](), dict[int, Event]()
        self._graphs, self._executables = dict[int, Graph](), dict[int, Executable]()
        self.misuses, self.launches, self.waits, self.ran = list[str](), 0, 0, list[str]()

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
        tau = self.view(taus + 4 * k, 4).view(np.float32)[0]
        leaves = bool(value > tau and tau < 1)
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

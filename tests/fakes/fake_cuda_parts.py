"""The handles of `fake_cuda`, and what is put into streams and graphs."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


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

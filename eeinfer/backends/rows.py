"""Rows on the host, in memory of our own: what segments read and write is bound, not passed, whatever the library."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import all_finite, square_sum
from eeinfer.backends.base import Exit, Inputs
from eeinfer.backends.memory import DynamicAxes, Memory
from eeinfer.bundle.layout import EXIT_OUTPUTS, alive
from eeinfer.bundle.manifest import Manifest

_MOST_CALLS = 1024  # bound beforehand, of all segments, batch sizes and lengths

_Given: TypeAlias = tuple[str, NDArray[Any], Callable[[], float]]  # an input's name, its memory, the sum of its squares
Tensors: TypeAlias = Mapping[str, NDArray[Any]]  # [B, *shape] each, by the names of the graph


class Bound(Protocol):
    """A segment that reads and writes the memory of arrays, which whoever bound it keeps alive."""

    @property
    def run(self) -> Callable[[], object]:
        """What computes it; one call at a time."""

    def read(self, name: str, array: NDArray[Any]) -> None:
        """Let the next runs read the input ``name`` from ``array`` in place."""


# Takes the number of a segment, the memory of its inputs without those that `Bound.read` will name, and of its outputs.
Bind: TypeAlias = Callable[[int, Tensors, Tensors], Bound]


class HostRows:
    """The way of up to ``capacity`` rows through the cascade, in buffers that are made once. For one caller at a time.

    A tensor is stored for all rows at once; a segment runs on the first n of them.
    """

    def __init__(self, bind: Bind, manifest: Manifest, capacity: int) -> None:
        self.capacity, self.count = capacity, 0
        self._bind, self._segments = bind, manifest.segments
        names = {input.tensor.name for input in manifest.inputs}
        self._axes = DynamicAxes(manifest)
        self._memory = Memory((spec for part in self._segments for spec in part.carried), capacity)
        self._exits = [Exit.zeros(len(manifest.classes), capacity) for _ in self._segments]
        self._reads = [[spec.name for spec in part.inputs if spec.name in names] for part in self._segments]
        # What later segments read, in front of the first segment and behind every one.
        self._alive = [names, *({spec.name for spec in specs} for specs in alive(manifest))]
        self._calls: dict[tuple[int, int, tuple[int, ...]], tuple[Bound, Exit]] = {}
        self._tensors: dict[str, NDArray[Any]] = {}
        self._lengths: dict[str, int] | None = None
        self._inputs: dict[str, NDArray[Any]] = {}
        self._key: tuple[int, ...] = ()  # the lengths, as a part of the key of a call
        self._done = 0  # segments that have run

    @property
    def bytes(self) -> int:
        """How much memory the buffers take, the inputs of the caller included, to which they may cling."""
        return self._memory.bytes + sum(array.nbytes for array in self._inputs.values())

    def load(self, inputs: Inputs) -> None:
        """Take up to ``capacity`` rows; they are read in place."""
        self._set(dict(inputs), self._axes.lengths(inputs))
        self.count, self._done = len(next(iter(inputs.values()))), 0

    def run(self, segment: int) -> Exit:
        """Compute a segment, all earlier ones having run."""
        key = segment, self.count, self._key
        if key not in self._calls:
            self._calls[key] = self._bound(segment, self.count)
        bound, exit = self._calls[key]
        for name in self._reads[segment]:
            bound.read(name, self._inputs[name])
        bound.run()
        self._done = segment + 1
        return exit

    def take(self, sources: Sequence["HostRows"], order: NDArray[Any]) -> None:
        """Go on with the rows ``order``, counted over all sources, of which the same segments have run.

        This may be one of the sources; then rows that are in their place stay there, and none that is read is written.
        """
        first = sources[0]
        assert all((source._done, source._lengths) == (first._done, first._lengths) for source in sources)
        assert first._lengths is not None
        places = [(source, row) for source in sources for row in range(source.count)]
        kept = first._alive[first._done]
        inputs = {
            name: np.concatenate([source._inputs[name] for source in sources])[order]
            for name in first._inputs
            if name in kept
        }
        if self is not first:
            self._set({}, first._lengths)
        carried = [name for name in kept if name not in first._inputs]
        for to, (source, row) in enumerate(places[at] for at in order.tolist()):
            if source is not self or row != to:
                for name in carried:
                    self._tensors[name][to] = source._tensors[name][row]
        self._inputs, self.count, self._done = inputs, len(order), first._done

    def _set(self, inputs: dict[str, NDArray[Any]], lengths: dict[str, int]) -> None:
        self._inputs = inputs
        if lengths != self._lengths:
            if self._memory.grow(lengths):
                self._calls.clear()
            self._tensors = self._memory.tensors(lengths)
            self._lengths, self._key = lengths, tuple(lengths.values())

    def _bound(self, segment: int, rows: int) -> tuple[Bound, Exit]:
        if len(self._calls) >= _MOST_CALLS:
            self._calls.clear()
        part, exit = self._segments[segment], Exit(*(array[:rows] for array in self._exits[segment]))
        given = self._reads[segment]
        inputs = {spec.name: self._tensors[spec.name][:rows] for spec in part.inputs if spec.name not in given}
        outputs = {spec.name: self._tensors[spec.name][:rows] for spec in part.carried}
        outputs |= dict(zip(EXIT_OUTPUTS, exit, strict=True))
        return self._bind(segment, inputs, outputs), exit


class HostLane:
    """One row's way through the cascade with everything bound beforehand. Implements ``Lane``."""

    run_on_device: Callable[..., int] | None = None

    def __init__(self, bind: Bind, manifest: Manifest) -> None:
        self.exits = tuple(Exit.zeros(len(manifest.classes), 1) for _ in manifest.segments)
        self._scores = [exit.score.item for exit in self.exits]
        self._bind, self._segments = bind, manifest.segments
        self._names = [input.tensor.name for input in manifest.inputs]
        carried = (spec for segment in manifest.segments for spec in segment.carried)
        # What is bound does not own its memory: it is kept here.
        self._memory = Memory((*(input.tensor for input in manifest.inputs), *carried), 1)
        self._axes = DynamicAxes(manifest)
        self._dynamic = bool(self._axes.shortest)
        self._ways: dict[tuple[int, ...], tuple[list[_Given], list[Callable[[], object]]]] = {}
        self._turn(self._axes.shortest)

    def load(self, inputs: Inputs) -> bool:
        """Copy the row to where the segments read it: that costs no more than binding it would."""
        if self._dynamic and (lengths := self._axes.lengths(inputs)) != self._lengths:
            self._turn(lengths)
        for name, memory, squares in self._given:
            memory[...] = inputs[name]
            if not isfinite(squares()) and not all_finite(memory):  # while the copy is in the cache
                return False
        return True

    @property
    def runs(self) -> Sequence[Callable[[], object]]:
        """What computes each segment, and nothing else."""
        return self._runs

    def run(self, segment: int) -> float:
        """Compute a segment from buffer to buffer and return its score."""
        self._runs[segment]()
        score: float = self._scores[segment]()
        return score

    def _turn(self, lengths: dict[str, int]) -> None:
        """Let everything be as long as ``lengths`` says."""
        if self._memory.grow(lengths) or len(self._ways) * len(self._segments) >= _MOST_CALLS:
            self._ways.clear()
        key = tuple(lengths.values())
        if key not in self._ways:
            self._ways[key] = self._bound(self._memory.tensors(lengths))
        self._lengths = lengths
        self._given, self._runs = self._ways[key]

    def _bound(self, tensors: dict[str, NDArray[Any]]) -> tuple[list[_Given], list[Callable[[], object]]]:
        runs = []
        for k, (segment, exit) in enumerate(zip(self._segments, self.exits, strict=True)):
            inputs = {spec.name: tensors[spec.name] for spec in segment.inputs}
            outputs = dict(zip(EXIT_OUTPUTS, exit, strict=True)) | {
                spec.name: tensors[spec.name] for spec in segment.carried
            }
            runs.append(self._bind(k, inputs, outputs).run)
        return [(name, tensors[name], square_sum(tensors[name])) for name in self._names], runs

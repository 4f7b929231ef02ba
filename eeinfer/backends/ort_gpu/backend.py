"""The segments of a bundle as ONNX Runtime sessions on a GPU: tensors stay there, only decisions come to the host."""

import itertools
import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.backends.base import Exit, Inputs
from eeinfer.backends.graph_check import Graph, check_fixed_sizes, check_graph
from eeinfer.backends.levels import Level
from eeinfer.backends.ort_gpu.gather import Gatherer
from eeinfer.backends.ort_gpu.graph import BoundGraph
from eeinfer.backends.ort_gpu.lane import GpuLane, read_on_host
from eeinfer.backends.ort_gpu.options import GRAPH, NO_GRAPH, UNWAITED, run_options
from eeinfer.backends.ort_gpu.providers import BUCKETS, Provider
from eeinfer.backends.ort_gpu.sessions import open_on
from eeinfer.backends.ort_gpu.streams import Stream
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.layout import EXIT_OUTPUTS, last_reads
from eeinfer.errors import BundleError, ConfigError


@dataclass(slots=True, kw_only=True)
class Chunk:
    """The rows of one bucket that are still in."""

    rows: int
    tensors: dict[str, Any]  # OrtValues, padded to a bucket, that some later segment still reads


class OrtGpuBackend:
    """The segments of one bundle on one provider. Implements ``eeinfer.backends.base.Backend``."""

    threads: int | None = None
    optimised = loop = None  # the provider makes a form of its own
    warm = False

    def __init__(
        self,
        bundle: Bundle,
        provider: Provider,
        *,
        name: str,
        device: str,
        stream: Stream,
        level: Level = Level.PLAIN,
    ) -> None:
        self.name, self.device, self.level, self._provider, self._stream = name, device, level, provider, stream
        self._manifest = manifest = bundle.manifest
        if manifest.precision == "fp8":
            raise BundleError(
                f"{bundle.path} is in fp8, which ONNX Runtime computes wrongly: its optimiser drops every ReLU before "
                f"a QuantizeLinear; run it as TensorRT plans: eeinfer export {bundle.path} --trt"
            )
        check_fixed_sizes(bundle, name)
        self._sessions = []
        for segment in manifest.segments:
            path = bundle.file(segment.file)
            session = open_on(provider, path, segment.inputs)
            check_graph(Graph.of_session(session), segment, classes=len(manifest.classes), where=path)
            if level != Level.PLAIN and (read := read_on_host(session, provider)):
                raise ConfigError(f"{path.name} reads {', '.join(read)} on the CPU, a CUDA graph cannot; give level 0")
            self._sessions.append(session)
        self._carried = [[spec.name for spec in segment.carried] for segment in manifest.segments]
        self._specs = {spec.name: spec for segment in manifest.segments for spec in (*segment.carried, *segment.inputs)}
        self._dead = last_reads(manifest)
        self._gatherer = Gatherer(lambda graph, reads: open_on(provider, graph, reads), provider.device, provider.index)
        self._lanes = itertools.count()
        self._unwaited: GpuLane | None = None
        # What another thread puts into the stream while it captures would become part of the graph.
        self._turn: AbstractContextManager[Any] = nullcontext() if level == Level.PLAIN else threading.Lock()

    def new_lane(self) -> GpuLane:
        """Make the buffers for one row at a time; at level 1 each segment has a graph for them."""
        if self.level == Level.PLAIN:
            return self._lane(run_options(), score_on_host=True)
        return self._lane(run_options({GRAPH: str(next(self._lanes))}), score_on_host=False)

    def _lane(self, options: Any, *, score_on_host: bool) -> GpuLane:
        return GpuLane(
            self._sessions,
            self._manifest,
            self._provider,
            options=options,
            score_on_host=score_on_host,
            turn=self._turn,
        )

    def device_ms(self, inputs: Inputs, exit: int) -> float:
        """Return the GPU's own milliseconds for leaving at ``exit`` with one prepared row, B = 1.

        All segments are put into the stream at once: what the same way takes beyond that is spent on the host.
        """
        if self._unwaited is None:
            self._unwaited = self._lane(run_options(UNWAITED), score_on_host=False)
        self._unwaited.load(inputs)
        start = self._stream.mark()
        for segment in range(exit + 1):
            self._unwaited.enqueue(segment)
        return self._stream.elapsed_ms(start, self._stream.mark())

    def open_graph(self, path: Path, example: Inputs, read: Sequence[str]) -> BoundGraph:
        """Open an ONNX file that takes the bundle's inputs, for batches like ``example``; the host reads ``read``."""
        session = open_on(self._provider, path, [input.tensor for input in self._manifest.inputs])
        return BoundGraph(session, self._provider, self._stream, example, read)

    def start(self, inputs: Inputs) -> list[Chunk]:
        """Copy to the GPU what some segment reads of prepared rows."""
        parts = {name: _split(array) for name, array in inputs.items() if name in self._specs}
        return [self._chunk(dict(zip(parts, arrays, strict=True))) for arrays in zip(*parts.values(), strict=True)]

    def _chunk(self, inputs: Inputs) -> Chunk:
        tensors = {name: self._provider.wrap(_fill(array)) for name, array in inputs.items()}
        return Chunk(rows=len(next(iter(inputs.values()))), tensors=tensors)

    def run(self, segment: int, live: list[Chunk]) -> Exit:
        """Compute a segment for every row; the decisions come to the host, what it carries stays on the GPU."""
        exits = [self._run(segment, chunk) for chunk in live]
        return exits[0] if len(exits) == 1 else Exit(*(np.concatenate(arrays) for arrays in zip(*exits, strict=True)))

    def _run(self, segment: int, chunk: Chunk) -> Exit:
        session, device = self._sessions[segment], self._provider
        binding = session.io_binding()
        for spec in self._manifest.segments[segment].inputs:
            binding.bind_ortvalue_input(spec.name, chunk.tensors[spec.name])
        for name in EXIT_OUTPUTS:
            binding.bind_output(name, "cpu")
        for name in self._carried[segment]:
            binding.bind_output(name, device.device, device.index)
        with self._turn:
            session.run_with_iobinding(binding, run_options({GRAPH: NO_GRAPH}))
        answers, made = binding.get_outputs()[:3], binding.get_outputs()[3:]
        chunk.tensors |= dict(zip(self._carried[segment], made, strict=True))
        for name in self._dead[segment]:
            del chunk.tensors[name]
        return Exit(*(answer.numpy()[: chunk.rows] for answer in answers))

    def worth_compacting(self, segment: int, rows: int, stays: int) -> bool:
        """Whether fewer rows are computed: inside one bucket they all cost the same."""
        return BUCKETS.padded(stays) < BUCKETS.padded(rows)

    def compact(self, live: list[Chunk], order: NDArray[np.int64]) -> list[Chunk]:
        """Gather the rows ``order`` on the GPU, whatever their order is."""
        with self._turn:
            return [self._gathered(live, part) for part in _split(order)]

    def join(self, live: list[Chunk], other: list[Chunk], order: NDArray[np.int64]) -> list[Chunk]:
        """Gather rows of both on the GPU."""
        joined = self.compact([*live, *other], order)
        self.release(live)
        self.release(other)
        return joined

    def _gathered(self, live: list[Chunk], order: NDArray[np.int64]) -> Chunk:
        """Gather the rows ``order``, counted over all chunks, of which each is padded to a bucket of its own."""
        ends = np.cumsum([chunk.rows for chunk in live])
        owners = np.searchsorted(ends, order, side="right")
        used, place = np.unique(owners, return_inverse=True)
        starts = np.cumsum([0, *(BUCKETS.bucket(live[number].rows) for number in used)])
        firsts = np.array([ends[number] - live[number].rows for number in used])
        rows = _fill(starts[place] + order - firsts[place])
        sources = [live[number].tensors for number in used]
        tensors = {
            name: self._gatherer.take(self._specs[name], [tensors[name] for tensors in sources], rows)
            for name in sources[0]
        }
        return Chunk(rows=len(order), tensors=tensors)

    def release(self, live: list[Chunk]) -> None:
        """Give the GPU's memory back to ONNX Runtime."""
        live.clear()


def _split(rows: NDArray[Any]) -> list[NDArray[Any]]:
    """Part rows into those of each chunk."""
    return np.split(rows, np.cumsum(BUCKETS.chunks(len(rows)))[:-1])


def _fill(rows: NDArray[Any]) -> NDArray[Any]:
    """Repeat the first row until a bucket is full."""
    missing = BUCKETS.bucket(len(rows)) - len(rows)
    return np.concatenate([rows, np.repeat(rows[:1], missing, axis=0)]) if missing else np.ascontiguousarray(rows)

"""The compiled segments of one bundle: for a single row when it is opened, for batches when the first one comes."""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from eeinfer.backends.graph_check import Graph, Node, check_graph
from eeinfer.backends.openvino import kept
from eeinfer.backends.openvino.bound import OpenVinoBound
from eeinfer.backends.openvino.library import CPU, NUM_STREAMS, reason
from eeinfer.backends.openvino.row_counts import ask_the_input
from eeinfer.backends.rows import Tensors
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import BundleError
from eeinfer.machine.cores import physical_cores

log = logging.getLogger(__name__)


class Compiled:
    """Segments compiled twice: a fixed batch of one is quicker, by a seventh for the smallest networks."""

    def __init__(self, bundle: Bundle, core: Any, device: str, settings: Sequence[dict[str, Any]]) -> None:
        """Take up what was compiled here before; or read the graphs, compare them with the manifest, and compile them.

        Raises:
            BundleError: OpenVINO cannot read or compile a segment, or it is not what the manifest says.
        """
        self._bundle, self._core, self._device, self._settings = bundle, core, device, settings
        self._segments = bundle.manifest.segments
        # With one stream a run is computed by whoever asks for it, with more by OpenVINO's own threads.
        self._process = os.getpid() if any(setting[NUM_STREAMS] > 1 for setting in settings) else None
        self._lock = threading.Lock()
        self._many: list[Any] | None = None
        self._one = self._all(one=True)

    def one(self, k: int, inputs: Tensors, outputs: Tensors) -> OpenVinoBound:
        """Bind segment k for a single row."""
        return OpenVinoBound(self._one[k], inputs, outputs, process=self._process)

    def many(self, k: int, inputs: Tensors, outputs: Tensors) -> OpenVinoBound:
        """Bind segment k for a batch."""
        with self._lock:
            if self._many is None:
                self._many = self._all(one=False)
        return OpenVinoBound(self._many[k], inputs, outputs, process=self._process)

    def _all(self, *, one: bool) -> list[Any]:
        """Take them up from the machine's cache, or compile and keep them: only the CPU's were seen to be the same."""
        path = kept.place(self._bundle, "one" if one else "many") if self._device == CPU else None
        return self._taken_up(path, one=one) or self._made(path, one=one)

    def _taken_up(self, path: Path | None, *, one: bool) -> list[Any] | None:
        blobs = kept.find(path, len(self._segments))
        if blobs is None:
            return None
        try:
            found = self._each(self._core.import_model, blobs)
            for k, compiled in enumerate(found):
                self._check(compiled, k, one=one)
        except Exception as error:  # whatever it is: they can be compiled, and are kept anew
            log.warning("%s is not used, it is made again: %s", path, reason(error))
            kept.discard(path)
            return None
        return found

    def _made(self, path: Path | None, *, one: bool) -> list[Any]:
        """Read them one by one, and compile several at a time: a core is busy with each."""
        models = [self._read(k, one=one) for k in range(len(self._segments))]
        made = self._each(self._core.compile_model, models)
        self._bundle.check_unchanged()  # segments for batches are compiled long after it was opened
        if path is not None:
            self._keep(path, made)
        return made

    def _keep(self, path: Path, made: list[Any]) -> None:
        try:
            blobs = [compiled.export_model().getvalue() for compiled in made]
        except Exception as error:  # it can be computed all the same
            log.info("OpenVINO cannot export %s: %s", self._bundle.path, reason(error))
        else:
            kept.keep(self._bundle, path, blobs)

    def _each(self, make: Callable[..., Any], sources: list[Any]) -> list[Any]:
        def made(source: Any, k: int) -> Any:
            with self._naming(k):
                return make(source, self._device, self._settings[k])

        with ThreadPoolExecutor(physical_cores()) as pool:
            return [*pool.map(made, sources, range(len(sources)))]

    def _check(self, graph: Any, k: int, *, one: bool) -> None:
        """Compare a graph of OpenVINO's, whose batch is fixed where it is for one row, with the manifest."""
        found = Graph([_node(node, one=one) for node in graph.inputs], [_node(node, one=one) for node in graph.outputs])
        segment = self._segments[k]
        classes = len(self._bundle.manifest.classes)
        check_graph(found, segment, classes=classes, where=self._bundle.file(segment.file))

    def _read(self, k: int, *, one: bool) -> Any:
        with self._naming(k):
            model = self._core.read_model(self._bundle.file(self._segments[k].file))
            self._check(model, k, one=False)
            if one:
                model.reshape({node.any_name: [1, *list(node.partial_shape)[1:]] for node in model.inputs})
            else:
                ask_the_input(model)
        return model

    @contextmanager
    def _naming(self, k: int) -> Iterator[None]:
        """Raise what OpenVINO finds wrong with segment k as our error."""
        try:
            yield
        except RuntimeError as error:  # whatever OpenVINO raises is one
            path = self._bundle.file(self._segments[k].file)
            raise BundleError(f"OpenVINO cannot run {path}: {reason(error)}; give backend='onnxruntime'") from error


def _node(node: Any, *, one: bool) -> Node:
    sizes: list[int | str | None] = [None if size.is_dynamic else size.get_length() for size in node.partial_shape]
    if one and sizes[:1] == [1]:
        sizes[0] = None
    return Node(node.any_name, node.element_type.to_dtype().name, sizes)

"""The compiled segments of one bundle: for a single row when it is opened, for batches when the first one comes."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from eeinfer.backends.graph_check import Graph, Node, check_graph
from eeinfer.backends.openvino.bound import OpenVinoBound
from eeinfer.backends.openvino.library import reason
from eeinfer.backends.rows import Tensors
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import BundleError
from eeinfer.machine.cores import physical_cores


class Compiled:
    """Segments compiled twice: a fixed batch of one is quicker, by a seventh for the smallest networks."""

    def __init__(self, bundle: Bundle, core: Any, device: str, settings: Sequence[dict[str, Any]]) -> None:
        """Read the graphs, compare them with the manifest, and compile them for one row.

        Raises:
            BundleError: OpenVINO cannot read or compile a segment, or it is not what the manifest says.
        """
        self._bundle, self._core, self._device, self._settings = bundle, core, device, settings
        self._segments = bundle.manifest.segments
        self._lock = threading.Lock()
        self._many: list[Any] | None = None
        self._one = self._all(one=True)

    def one(self, k: int, inputs: Tensors, outputs: Tensors) -> OpenVinoBound:
        """Bind segment k for a single row."""
        return OpenVinoBound(self._one[k], inputs, outputs)

    def many(self, k: int, inputs: Tensors, outputs: Tensors) -> OpenVinoBound:
        """Bind segment k for a batch."""
        with self._lock:
            if self._many is None:
                self._many = self._all(one=False)
        return OpenVinoBound(self._many[k], inputs, outputs)

    def _all(self, *, one: bool) -> list[Any]:
        """Read them one by one, and compile several at a time: a core is busy with each."""
        models = [self._read(k, one=one) for k in range(len(self._segments))]
        with ThreadPoolExecutor(physical_cores()) as pool:
            return [*pool.map(self._compiled, models, range(len(models)))]

    def _read(self, k: int, *, one: bool) -> Any:
        segment = self._segments[k]
        path = self._bundle.file(segment.file)
        with self._naming(k):
            model = self._core.read_model(path)
            graph = Graph([*map(_node, model.inputs)], [*map(_node, model.outputs)])
            check_graph(graph, segment, classes=len(self._bundle.manifest.classes), where=path)
            if one:
                model.reshape({node.any_name: [1, *list(node.partial_shape)[1:]] for node in model.inputs})
        return model

    def _compiled(self, model: Any, k: int) -> Any:
        with self._naming(k):
            return self._core.compile_model(model, self._device, self._settings[k])

    @contextmanager
    def _naming(self, k: int) -> Iterator[None]:
        """Raise what OpenVINO finds wrong with segment k as our error."""
        try:
            yield
        except RuntimeError as error:  # whatever OpenVINO raises is one
            path = self._bundle.file(self._segments[k].file)
            raise BundleError(f"OpenVINO cannot run {path}: {reason(error)}; give backend='onnxruntime'") from error


def _node(node: Any) -> Node:
    sizes: list[int | str | None] = [None if size.is_dynamic else size.get_length() for size in node.partial_shape]
    return Node(node.any_name, node.element_type.to_dtype().name, sizes)

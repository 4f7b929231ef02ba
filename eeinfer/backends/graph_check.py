"""What is looked at before segments run: whether a backend can run them, and whether they are the manifest's."""

from pathlib import Path
from typing import Any, NamedTuple

from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.layout import exit_specs
from eeinfer.bundle.manifest import Segment, TensorSpec
from eeinfer.errors import BundleError

_TYPE_NAMES = {"float": "float32", "double": "float64"}  # where ONNX Runtime's name is not NumPy's


def check_fixed_sizes(bundle: Bundle, backend: str) -> None:
    """Refuse a bundle with dynamic axes beside the batch, for a backend whose buffers are made once.

    Raises:
        BundleError: naming the axes.
    """
    if bundle.manifest.axes:
        raise BundleError(
            f"{bundle.path} has the dynamic axes {', '.join(bundle.manifest.axes)}, and backend {backend!r} runs fixed "
            "sizes alone; run it with device='cpu', or export it again without dynamic"
        )


class Node(NamedTuple):
    """An input or output of a graph, as a library tells of it."""

    name: str
    dtype: str  # NumPy's name, or the library's where NumPy has none
    sizes: list[int | str | None]  # what is not a number may be any


class Graph(NamedTuple):
    """What a graph reads and writes."""

    inputs: list[Node]
    outputs: list[Node]

    @classmethod
    def of_session(cls, session: Any) -> "Graph":
        """Ask a session of ONNX Runtime."""
        return cls([*map(_of_session, session.get_inputs())], [*map(_of_session, session.get_outputs())])


def _of_session(node: Any) -> Node:
    dtype = node.type.removeprefix("tensor(").removesuffix(")")
    return Node(node.name, _TYPE_NAMES.get(dtype, dtype), list(node.shape))


def check_graph(graph: Graph, segment: Segment, *, classes: int, where: Path) -> None:
    """Refuse a graph whose inputs and outputs are not the manifest's.

    Raises:
        BundleError: naming the first tensor that differs.
    """
    for side, nodes, specs in (
        ("input", graph.inputs, segment.inputs),
        ("output", graph.outputs, (*exit_specs(classes), *segment.carried)),
    ):
        found = {node.name: node for node in nodes}
        if set(found) != {spec.name for spec in specs}:
            listed = ", ".join(spec.name for spec in specs)
            raise BundleError(f"{where} has the {side}s {', '.join(found)}, the manifest {listed}; export it again")
        for spec in specs:
            _check_tensor(found[spec.name], spec, where)


def _check_tensor(node: Node, spec: TensorSpec, where: Path) -> None:
    sizes = node.sizes
    fits = len(sizes) == len(spec.shape) + 1 and not isinstance(sizes[0], int)  # a fixed batch cannot shrink
    for size, wanted in zip(sizes[1:], spec.shape, strict=False):
        fits = fits and (not isinstance(size, int) or size == wanted)
    if node.dtype != spec.dtype or not fits:
        raise BundleError(
            f"{where} has {spec.name!r} as {node.dtype} {sizes}, the manifest as {spec.dtype} "
            f"{['batch', *spec.shape]}; export it again"
        )

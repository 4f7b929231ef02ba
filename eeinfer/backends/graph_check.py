"""What is looked at before segments run: whether a backend can run them, and whether they are the manifest's."""

from pathlib import Path
from typing import Any

from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.layout import exit_specs
from eeinfer.bundle.manifest import Segment, TensorSpec
from eeinfer.errors import BundleError

_TYPE_NAMES = {"float32": "float", "float64": "double"}  # where ONNX Runtime's name is not NumPy's


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


def check_graph(session: Any, segment: Segment, *, classes: int, where: Path) -> None:
    """Refuse a graph whose inputs and outputs are not the manifest's.

    Raises:
        BundleError: naming the first tensor that differs.
    """
    for side, nodes, specs in (
        ("input", session.get_inputs(), segment.inputs),
        ("output", session.get_outputs(), (*exit_specs(classes), *segment.carried)),
    ):
        found = {node.name: node for node in nodes}
        if set(found) != {spec.name for spec in specs}:
            listed = ", ".join(spec.name for spec in specs)
            raise BundleError(f"{where} has the {side}s {', '.join(found)}, the manifest {listed}; export it again")
        for spec in specs:
            _check_tensor(found[spec.name], spec, where)


def _check_tensor(node: Any, spec: TensorSpec, where: Path) -> None:
    type_name = f"tensor({_TYPE_NAMES.get(spec.dtype, spec.dtype)})"
    sizes = list(node.shape)
    fits = len(sizes) == len(spec.shape) + 1 and not isinstance(sizes[0], int)  # a fixed batch cannot shrink
    for size, wanted in zip(sizes[1:], spec.shape, strict=False):
        fits = fits and (not isinstance(size, int) or size == wanted)
    if node.type != type_name or not fits:
        raise BundleError(
            f"{where} has {spec.name!r} as {node.type} {sizes}, the manifest as {type_name} "
            f"{['batch', *spec.shape]}; export it again"
        )

"""A network in eight bits: what is stored so, calibrated on real images, written into the graph."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
from numpy.typing import NDArray

from eeinfer.backends.ort.sessions import open_session
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import MODEL_NAME
from eeinfer.errors import ExportError
from eeinfer.export.graph.index import GraphIndex, row_bytes
from eeinfer.export.precision.qdq import tensors_to_watch, with_integers
from eeinfer.export.precision.qdq_plan import Quantisation, plan, plan_inputs
from eeinfer.export.precision.ranges import Range, observe, rows_at_a_time
from eeinfer.export.precision.real_images import Part
from eeinfer.export.precision.storage import PROCESSOR, Storage
from eeinfer.machine.cores import physical_cores
from eeinfer.machine.leftovers import temporary_folder

Array = NDArray[Any]


def in_eight_bits(
    bundle: Bundle, model: onnx.ModelProto, storage: Storage, images: Part, *, rule: str
) -> onnx.ModelProto:
    """Return `model` with its convolutions and matrix products in eight bits.

    Args:
        bundle: the float32 bundle that `model` comes from.
        model: its graph with every exit, weights in memory; it is not changed.
        storage: what is stored how.
        images: to calibrate on.
        rule: how ranges are chosen, a name of eeinfer.export.precision.ranges.RANGES.

    Raises:
        ExportError: nothing in the network can be stored in eight bits, or it computes NaN on an image.
    """
    find = plan if storage is PROCESSOR else plan_inputs
    planned = find(GraphIndex(model.graph), len(bundle.manifest.segments))
    if not planned.weighted:
        raise ExportError(
            f"every convolution and matrix product of {bundle.path} belongs to an exit's head, and heads stay in "
            "float32; leave the bundle in fp32"
        )
    return with_integers(model, planned, _ranges(bundle, model, planned, images, rule), storage)


def _ranges(bundle: Bundle, model: onnx.ModelProto, planned: Quantisation, images: Part, rule: str) -> dict[str, Range]:
    """Watch the planned tensors while the images pass."""
    names = list(tensors_to_watch(planned))
    input = bundle.manifest.input
    inner = [name for name in names if name != input.tensor.name]
    with temporary_folder("eeinfer-ranges") as folder:
        session = _watching(model, inner, folder)
    index = GraphIndex(model.graph)
    size = rows_at_a_time(max(sum(row_bytes(index, names)), *row_bytes(index, index.types)))

    def run(batch: Array) -> Sequence[Array]:
        found = dict(zip(inner, session.run(inner, {input.tensor.name: batch}), strict=True))
        return [found.get(name, batch) for name in names]

    return observe(run, images.batches(input, size), names, rule)


def _watching(model: onnx.ModelProto, names: Sequence[str], folder: Path) -> Any:  # an InferenceSession
    """Open the graph with further outputs."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    known = {value.name for value in model.graph.output}
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in known)
    onnx.save(watched, folder / MODEL_NAME, save_as_external_data=True)
    return open_session(folder / MODEL_NAME, threads=physical_cores())[0]

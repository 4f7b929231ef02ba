"""The cut after optimisation: segments in the form in which this machine computes them.

ONNX Runtime fuses nodes and, on x86, keeps the maps of a convolutional network in blocks of channels. Segments that
are cut before that pay at every border: the map is put back into plain order and into blocks again, and what the
border separates, such as a convolution and the sum after it, is no longer fused. So the network is optimised whole,
saved, and cut in that form; what crosses a border stays in blocks. The result holds for one version of the
runtime and one instruction set.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper
from onnx.external_data_helper import ExternalDataInfo

from eeinfer.backends.ort.sessions import open_session
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import MODEL_NAME, Axis, Manifest
from eeinfer.errors import ExportError
from eeinfer.export.graph.cut import SegmentGraph, cut
from eeinfer.export.graph.index import BATCH, GraphIndex
from eeinfer.export.optimise.attention import fuse_attention
from eeinfer.export.optimise.averages import pool_averages
from eeinfer.export.optimise.classifiers import read_in_blocks
from eeinfer.export.optimise.in_place import share_memory
from eeinfer.export.optimise.trial import Unsuitable, running
from eeinfer.export.write import described

_WRITTEN, _PROBE = "written.onnx", "probe.onnx"
_ROWS = (1, 2)  # batch sizes at which unknown shapes are looked at


def write_segments(source: Bundle, folder: Path) -> Manifest:
    """Write the segments as ONNX Runtime runs them on this machine into ``folder``.

    Args:
        source: the bundle; a graph may be written beside its own.
        folder: an empty one.

    Returns:
        The bundle's manifest with these segments and these files.

    Raises:
        Unsuitable: the optimised network cannot be cut, or does not run.
        BundleError: ONNX Runtime cannot open or save the network.
        OSError: the disk is full, say.
    """
    path = folder / MODEL_NAME
    _save_optimised(source.model, path)
    model = onnx.load(path, load_external_data=False)
    _check_saved(model, folder)
    _find_types(model, source.manifest, folder)
    model = read_in_blocks(model, folder)
    parts = _cut(model, len(source.manifest.segments))
    for segment, part in zip(source.manifest.segments, parts, strict=True):
        onnx.save(part.model, folder / segment.file)
    return described(source.manifest, parts, folder)


def _cut(model: onnx.ModelProto, exits: int) -> list[SegmentGraph]:
    try:
        return [share_memory(part) for part in cut(model, exits)]
    except ExportError as error:
        raise Unsuitable(f"optimised it cannot be cut: {error}") from error


def _save_optimised(source: Path, target: Path) -> None:
    """Let ONNX Runtime save the network as it would run it, written beforehand as it computes it best."""
    model = onnx.load(source, load_external_data=False)
    written = source.with_name(_WRITTEN)  # weights may not lie in another folder
    onnx.save(pool_averages(fuse_attention(model) or model), written)
    open_session(written, threads=1, save_as=target)


def _check_saved(model: onnx.ModelProto, folder: Path) -> None:
    """Refuse weights that are shorter than the graph says: ONNX Runtime does not notice that a disk is full."""
    for tensor in model.graph.initializer:
        if tensor.data_location == TensorProto.EXTERNAL:
            info = ExternalDataInfo(tensor)
            if (folder / info.location).stat().st_size < (info.offset or 0) + (info.length or 0):
                raise OSError(f"{folder / info.location} was not written to its end")


def _find_types(model: onnx.ModelProto, manifest: Manifest, folder: Path) -> None:
    """Note the dtype and shape of every value that the runtime saved without: run the network twice and look."""
    index = GraphIndex(model.graph)
    unknown = [name for name in index.producer if name not in index.types]
    if not unknown:
        return
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    probe.graph.output.extend(onnx.ValueInfoProto(name=name) for name in unknown)
    onnx.save(probe, folder / _PROBE)
    sizes = _distinct_sizes(manifest.axes)
    with running("optimised"):
        session, _ = open_session(folder / _PROBE, threads=1, optimised=True)
        seen = [
            session.run(unknown, _zeros(manifest, {name: pair[at] for name, pair in sizes.items()})) for at in (0, 1)
        ]
    for name, *values in zip(unknown, *seen, strict=True):
        shape = _shape([value.shape for value in values], sizes)
        dtype = helper.np_dtype_to_tensor_dtype(values[0].dtype)
        model.graph.value_info.append(helper.make_tensor_value_info(name, dtype, shape))
    del session
    (folder / _PROBE).unlink()


def _distinct_sizes(axes: Mapping[str, Axis]) -> dict[str, tuple[int, int]]:
    """Return two sizes for the batch and for every dynamic axis by which they are told apart.

    Raises:
        Unsuitable: the bounds leave none.
    """
    sizes = {BATCH: _ROWS}
    for name, axis in axes.items():
        pairs = ((low, low + 1) for low in range(axis.min, axis.max))
        pair = next((pair for pair in pairs if pair not in sizes.values()), None)
        if pair is None:
            raise Unsuitable(f"the dynamic axis {name!r} cannot be told from others: it has the sizes {axis}")
        sizes[name] = pair
    return sizes


def _zeros(manifest: Manifest, sizes: Mapping[str, int]) -> dict[str, NDArray[Any]]:
    specs = [input.tensor for input in manifest.inputs]
    return {spec.name: np.zeros((sizes[BATCH], *spec.sizes(sizes)), spec.dtype) for spec in specs}


def _shape(shapes: Sequence[tuple[int, ...]], sizes: Mapping[str, tuple[int, int]]) -> list[int | str | None]:
    """Tell the batch, multiples of it and dynamic axes from fixed sizes by what changes with them."""
    names = {pair: name for name, pair in sizes.items()}
    names |= {pair: f"{pair[0]}*{BATCH}" for shape in zip(*shapes, strict=True) if (pair := _multiple(shape))}
    return [found[0] if len(set(found)) == 1 else names.get(found) for found in zip(*shapes, strict=True)]


def _multiple(found: tuple[int, ...]) -> tuple[int, int] | None:
    """Return the sizes of an axis that is several times the batch."""
    times = found[0] // _ROWS[0]
    return (found[0], found[1]) if times > 1 and found == tuple(times * rows for rows in _ROWS) else None

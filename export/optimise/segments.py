"""The cut after optimisation: segments in the form in which this machine computes them.

ONNX Runtime fuses nodes and, on x86, keeps the maps of a convolutional network in blocks of channels. Segments that
are cut before that pay at every border: the map is put back into plain order and into blocks again, and what the
border separates, such as a convolution and the sum after it, is no longer fused. So the network is optimised whole,
saved, and cut in that form; what crosses a border stays in blocks. The result holds for one version of the
runtime and one instruction set: it goes into the machine's cache, never into a bundle.
"""

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from eeinfer.backends.ort.sessions import open_session
from eeinfer.backends.ort.sums import write_sums
from eeinfer.bundle.external import external_files
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import MODEL_NAME, TensorSpec
from eeinfer.bundle.manifest_file import write_manifest
from eeinfer.export.graph.cut import cut
from eeinfer.export.graph.index import BATCH, GraphIndex
from eeinfer.export.optimise.attention import fuse_attention
from eeinfer.export.optimise.in_place import share_memory
from eeinfer.export.write import described, new_folder

_PROBE = "probe.onnx"
_ROWS = (1, 2)  # batch sizes at which unknown shapes are looked at


def optimise_bundle(bundle: Bundle, target: Path) -> Path:
    """Write the bundle's segments as ONNX Runtime runs them on this machine, as a bundle of their own.

    Raises:
        ExportError: the optimised network cannot be cut, or `target` cannot be written.
        BundleError: ONNX Runtime cannot open the network.
    """
    with new_folder(target, force=True) as folder:
        path = folder / MODEL_NAME
        _save_optimised(bundle.model, path)
        model = onnx.load(path, load_external_data=False)
        _find_types(model, bundle.manifest.input.tensor, folder)
        parts = [share_memory(part) for part in cut(model, len(bundle.manifest.segments))]
        for segment, part in zip(bundle.manifest.segments, parts, strict=True):
            onnx.save(part.model, folder / segment.file)
        write_manifest(folder, described(bundle.manifest, parts, folder))
        write_sums(folder)
    return target


def _save_optimised(source: Path, target: Path) -> None:
    """Let ONNX Runtime save the network as it would run it, attention in one node beforehand."""
    fused = fuse_attention(onnx.load(source, load_external_data=False))
    if fused is None:
        open_session(source, threads=1, save_as=target)
        return
    with tempfile.TemporaryDirectory(dir=target.parent) as other:
        path = Path(other) / MODEL_NAME
        onnx.save(fused, path)
        for name in external_files(path.read_bytes(), where=path):  # they may not lie in another folder
            shutil.copyfile(source.parent / name, path.parent / name)
        open_session(path, threads=1, save_as=target)


def _find_types(model: onnx.ModelProto, input: TensorSpec, folder: Path) -> None:
    """Note the dtype and shape of every value that the runtime saved without: run the network and look."""
    index = GraphIndex(model.graph)
    unknown = [name for name in index.producer if name not in index.types]
    if not unknown:
        return
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    probe.graph.output.extend(onnx.ValueInfoProto(name=name) for name in unknown)
    onnx.save(probe, folder / _PROBE)
    session, _ = open_session(folder / _PROBE, threads=1, optimised=True)
    seen = [session.run(unknown, {input.name: np.zeros((rows, *input.sizes()), input.dtype)}) for rows in _ROWS]
    for name, *values in zip(unknown, *seen, strict=True):
        shape = _shape([value.shape for value in values])
        dtype = helper.np_dtype_to_tensor_dtype(values[0].dtype)
        model.graph.value_info.append(helper.make_tensor_value_info(name, dtype, shape))
    del session
    (folder / _PROBE).unlink()


def _shape(shapes: Sequence[tuple[int, ...]]) -> list[int | str | None]:
    """Tell the batch from fixed sizes by what changes with it."""
    return [
        BATCH if axis == 0 and sizes == _ROWS else sizes[0] if len(set(sizes)) == 1 else None
        for axis, sizes in enumerate(zip(*shapes, strict=True))
    ]

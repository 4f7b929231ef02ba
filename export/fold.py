"""Preprocessing inside the graph: a bundle that takes raw 8-bit images, so that nobody needs mean and std."""

import os
import shutil
from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from eeinfer.bundle.folder import Bundle, hash_file
from eeinfer.bundle.manifest import MANIFEST_NAME, MODEL_NAME, Input, Manifest, Preprocess, Segment, TensorSpec
from eeinfer.bundle.manifest_file import write_manifest
from eeinfer.errors import ConfigError, ExportError
from eeinfer.export.write import bundle_target, new_folder
from eeinfer.loading import load
from eeinfer.preprocess import scale_and_shift
from eeinfer.progress import Progress, silent

LAYOUTS = ("nchw", "nhwc")
_INPUT = "pixels"
_BATCHES = (1, 2, 7)


def fold_preprocess(
    bundle: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    layout: str = "nhwc",
    force: bool = False,
    progress: Progress = silent,
) -> Path:
    """Write a bundle that takes uint8 images and normalises them in its graphs, and return its path.

    Its only input, ``pixels``, is uint8 [B, H, W, C] or [B, C, H, W] of exactly the size that the network reads:
    scaling and cropping stay with the caller. It answers as the first bundle does to the same pixels.

    Args:
        bundle: one whose manifest says how an image becomes its input; fp32, fp16 or int8 for a CPU.
        out: the bundle to write; beside the first and with ``-uint8`` in its name by default.
        layout: ``nhwc`` as image files are decoded, or ``nchw``.
        force: replace an existing bundle.
        progress: told the name of each step, and how well the two agree.

    Raises:
        BundleError: the bundle is missing or damaged, or does not run on a CPU.
        ConfigError: an unknown layout.
        ExportError: the bundle has no preprocessing to fold, or the two answer differently; nothing is left behind.
    """
    if layout not in LAYOUTS:
        raise ConfigError(f"the layout is {layout!r}; give {' or '.join(LAYOUTS)}")
    source = Bundle.open(bundle)
    source.check_plain()
    inputs = source.manifest.inputs
    if len(inputs) != 1 or inputs[0].preprocess is None:
        raise ExportError(f"{bundle} says nothing about 8-bit images, so there is no preprocessing to fold into it")
    name = source.path.resolve().with_name(f"{source.path.resolve().stem}-uint8")
    target = bundle_target(name if out is None else out, force=force)
    with new_folder(target, force=force) as folder:
        progress("folding the preprocessing")
        write_manifest(folder, msgspec.structs.replace(_written(folder, source, layout), name=target.stem))
        progress("comparing with the bundle that it was made from")
        progress(f"max error {_compared(source, folder, layout):.1e} over the logits of every exit")
    return target


def _written(folder: Path, source: Bundle, layout: str) -> Manifest:
    """Copy every file, the graphs with their new input, and return the manifest that says so."""
    manifest, old = source.manifest, source.manifest.inputs[0]
    assert old.preprocess is not None
    new = _input(manifest, layout)
    for name in manifest.files:
        if name == MODEL_NAME or name in {segment.file for segment in manifest.segments}:
            model = onnx.load(source.file(name), load_external_data=False)
            _fold(model.graph, old.tensor, new, old.preprocess, layout)
            onnx.save(model, folder / name)
        else:
            shutil.copy(source.file(name), folder / name)
    swapped = {old.tensor.name: new}
    return msgspec.structs.replace(
        manifest,
        inputs=(Input(tensor=new),),
        segments=tuple(_reading(segment, swapped) for segment in manifest.segments),
        files={name: hash_file(folder / name) for name in manifest.files},
        certificate=None,
        provenance={
            **manifest.provenance,
            "folded_preprocess": {"layout": layout, **msgspec.to_builtins(old.preprocess), "from": source.fingerprint},
        },
    )


def _input(manifest: Manifest, layout: str) -> TensorSpec:
    channels, height, width = manifest.inputs[0].tensor.sizes()
    shape = (channels, height, width) if layout == "nchw" else (height, width, channels)
    taken = {spec.name for segment in manifest.segments for spec in (*segment.inputs, *segment.carried)}
    name = next(name for name in (_INPUT, f"{_INPUT}_0", f"{_INPUT}_1") if name not in taken)
    return TensorSpec(name=name, dtype="uint8", shape=shape)


def _reading(segment: Segment, swapped: dict[str, TensorSpec]) -> Segment:
    return msgspec.structs.replace(segment, inputs=tuple(swapped.get(spec.name, spec) for spec in segment.inputs))


def _fold(graph: onnx.GraphProto, old: TensorSpec, new: TensorSpec, rule: Preprocess, layout: str) -> None:
    """Let a graph that reads the prepared image make it of pixels; its nodes go on reading it under its name."""
    value = next((value for value in graph.input if value.name == old.name), None)
    if value is None:
        return
    batch = value.type.tensor_type.shape.dim[0].dim_param or "batch"
    pixels = helper.make_tensor_value_info(new.name, TensorProto.UINT8, [batch, *new.shape])
    scale, shift = (numbers[:, np.newaxis, np.newaxis] for numbers in scale_and_shift(rule))
    own = {part: f"{new.name}_{part}" for part in ("planes", "float", "scale", "scaled", "shift")}
    graph.initializer.extend(
        [numpy_helper.from_array(scale, own["scale"]), numpy_helper.from_array(shift, own["shift"])]
    )
    planes = [helper.make_node("Transpose", [new.name], [own["planes"]], perm=[0, 3, 1, 2])] if layout == "nhwc" else []
    nodes = [
        *planes,
        helper.make_node("Cast", [own["planes"] if planes else new.name], [own["float"]], to=TensorProto.FLOAT),
        helper.make_node("Mul", [own["float"], own["scale"]], [own["scaled"]]),
        helper.make_node("Add", [own["scaled"], own["shift"]], [old.name]),
    ]
    others = [pixels if kept.name == old.name else kept for kept in graph.input]
    graph.value_info.append(value)
    for field, content in ((graph.input, others), (graph.node, [*nodes, *graph.node])):
        kept = list(content)
        del field[:]
        field.extend(kept)


def _compared(source: Bundle, folder: Path, layout: str) -> float:
    """Give both bundles the same pixels and return the largest error of a logit.

    Raises:
        ExportError: it is beyond the tolerance of the export, or a prediction differs clearly.
    """
    channels, height, width = source.manifest.inputs[0].tensor.sizes()
    draw, worst = np.random.default_rng(0), 0.0
    with load(source.path, threads=1, verify=False) as before, load(folder, threads=1, verify=False) as after:
        for size in _BATCHES:
            pixels = draw.integers(0, 256, (size, height, width, channels), np.uint8)
            wanted = before.all_exits(pixels)
            found = after.all_exits(pixels if layout == "nhwc" else pixels.transpose(0, 3, 1, 2))
            error = float(np.abs(found.logits - wanted.logits).max())
            allowed = source.manifest.parity.tolerance * max(1.0, float(np.abs(wanted.logits).max()))
            if not error <= allowed:
                raise ExportError(
                    f"with its preprocessing folded {source.path} answers differently, a logit by {error:.2g}, more "
                    f"than the {allowed:.2g} allowed; keep {MANIFEST_NAME}'s preprocess and report the bundle"
                )
            worst = max(worst, error)
    return worst

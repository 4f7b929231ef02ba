"""A bundle in reduced precision, made of a bundle in float32: ``eeinfer export --precision``.

The network's body is converted; heads, softmax and scores stay in float32, because thresholds are compared with them.
The graph is converted whole, then cut as every graph is, so that what crosses a border is as small as it is stored.
"""

import os
from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import TensorProto
from onnx.external_data_helper import convert_model_to_external_data

from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import MODEL_NAME, ORIGIN, WEIGHTS_NAME, Manifest, Shift
from eeinfer.bundle.manifest_file import write_manifest
from eeinfer.errors import DataError, ExportError, first_line
from eeinfer.export.graph.cut import cut
from eeinfer.export.graph.index import GraphIndex, row_bytes
from eeinfer.export.precision.eight_bits import in_eight_bits
from eeinfer.export.precision.halves import rounded_in_float, with_halves
from eeinfer.export.precision.kinds import CALIBRATED, PrecisionConfig
from eeinfer.export.precision.ranges import rows_at_a_time
from eeinfer.export.precision.real_images import Part, RealImages, real_images
from eeinfer.export.precision.shift import Run, report, seen
from eeinfer.export.precision.storage import AROUND_ZERO, FLOAT8, PROCESSOR
from eeinfer.export.reference import Chain, Whole
from eeinfer.export.write import bundle_target, described, new_folder
from eeinfer.machine.cores import physical_cores
from eeinfer.machine.leftovers import temporary_folder
from eeinfer.progress import Progress, silent

_HALVES = {"fp16": TensorProto.FLOAT16, "bf16": TensorProto.BFLOAT16}
_INSIDE_BYTES = 256  # of weights; larger ones go to weights.bin
_RANDOM_ROWS = 8
_ON_CPU = "in ONNX Runtime on a CPU"
_ROUNDED = "in float32 with every value rounded that is stored in"
_COMPUTED = {
    "fp16": f"its segments {_ON_CPU}, {_ROUNDED} fp16",
    "bf16": f"its segments {_ON_CPU}, {_ROUNDED} bf16",
    "int8": f"its segments {_ON_CPU}",
    "fp8": f"its whole graph {_ON_CPU}, {_ROUNDED} fp8",
}


def reduce_precision(
    bundle: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    config: PrecisionConfig,
    data: str | os.PathLike[str] | None = None,
    root: str | os.PathLike[str] | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Path:
    """Write a bundle in reduced precision, with a report on how its answers moved on real images; return its path.

    fp16, bf16: every tensor of the body in sixteen bits but for sums over many values. int8 for cpu: activations in
    unsigned bytes, weights in signed ones with a scale per channel, so that ONNX Runtime's integer kernels run. int8
    for cuda, and fp8: the inputs and weights of convolutions and matrix products, around zero, as TensorRT reads them.

    Args:
        bundle: a float32 bundle.
        out: the bundle to write; beside the first and with the precision in its name by default.
        config: which precision, and for which device.
        data: images, as eeinfer.export.precision.real_images takes them; None: those the bundle was trained on.
        root: the folder that holds the files of a data set; None looks where that one usually lies.
        force: replace an existing bundle.
        progress: told the name of each step.

    Raises:
        BundleError: the bundle is missing or damaged.
        DataError: int8 or fp8 without images to calibrate on.
        ExportError: the bundle is reduced already, cannot be converted, or answers with NaN; nothing is left behind.
    """
    source = Bundle.open(bundle)
    manifest = source.manifest
    if manifest.precision != "fp32":
        raise ExportError(f"{bundle} is in {manifest.precision} already; reduce the fp32 bundle that it was made from")
    name = source.path.resolve().with_name(f"{source.path.resolve().stem}-{config.precision}")
    target = bundle_target(name if out is None else out, force=force)
    with new_folder(target, force=force) as folder:
        images = _images(source, data, root, config, progress)
        reduced = _reduced(folder, source, config, images, progress)
        write_manifest(folder, msgspec.structs.replace(reduced, name=target.stem))
    return target


def _reduced(
    folder: Path, source: Bundle, config: PrecisionConfig, images: RealImages | None, progress: Progress
) -> Manifest:
    """Write the graphs into ``folder``, compare them with the source's, and return the manifest that says so."""
    progress(f"converting to {config.precision}")
    model = _converted(source, config, images, progress)
    reduced = _written(model, source.manifest, folder)
    progress("comparing with float32")
    return msgspec.structs.replace(
        reduced,
        precision=config.precision,
        device=config.made_for,
        shift=_compared(source, model, reduced, folder, images, config.precision),
        provenance={**source.manifest.provenance, ORIGIN: source.fingerprint},
    )


def _images(
    source: Bundle,
    data: str | os.PathLike[str] | None,
    root: str | os.PathLike[str] | None,
    config: PrecisionConfig,
    progress: Progress,
) -> RealImages | None:
    """Find images; without any, sixteen bits still can be had, but nothing is known about accuracy."""
    try:
        found = real_images(source, data, root=root, seed=config.seed)
    except DataError as error:
        if data is not None or root is not None or config.precision in CALIBRATED:
            raise
        progress(f"no report on accuracy and exits: {error}")
        return None
    return found.at_most(config.calibration_images, config.report_images, seed=config.seed)


def _converted(
    source: Bundle, config: PrecisionConfig, images: RealImages | None, progress: Progress
) -> onnx.ModelProto:
    source.check_plain()
    model = onnx.load(source.model)
    exits = len(source.manifest.segments)
    if config.precision in _HALVES:
        return with_halves(model, exits, _HALVES[config.precision])
    assert images is not None
    progress(f"calibrating on {len(images.calibration)} images of {images.name}")
    if config.precision == "fp8":
        return in_eight_bits(source, model, FLOAT8, images.calibration, rule="minmax")
    storage = PROCESSOR if config.made_for == "cpu" else AROUND_ZERO
    return in_eight_bits(source, model, storage, images.calibration, rule=config.ranges)


def _written(model: onnx.ModelProto, manifest: Manifest, folder: Path) -> Manifest:
    """Save the graph and its segments with one file of weights; return what the segments now read and carry."""
    stored = onnx.ModelProto()
    stored.CopyFrom(model)
    convert_model_to_external_data(stored, location=WEIGHTS_NAME, size_threshold=_INSIDE_BYTES)
    onnx.save(stored, folder / MODEL_NAME)
    parts = cut(stored, len(manifest.segments))
    for segment, part in zip(manifest.segments, parts, strict=True):
        onnx.save(part.model, folder / segment.file)
        _check(folder / segment.file)
    return described(manifest, parts, folder)


def _check(path: Path) -> None:
    """Refuse a graph with a type that its operators do not take: no runtime here reads all of them."""
    try:
        onnx.checker.check_model(path, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(
            f"{path.name} cannot be in this precision: {first_line(error)}; leave the bundle in fp32"
        ) from error


def _compared(
    source: Bundle, model: onnx.ModelProto, reduced: Manifest, folder: Path, images: RealImages | None, precision: str
) -> Shift | None:
    """Report on real images; on random ones see only that every answer is a number."""
    input, index = reduced.input, GraphIndex(model.graph)
    rows = rows_at_a_time(max(row_bytes(index, index.types)))
    run = _runnable(reduced, folder, precision)
    if images is None:
        noise = np.random.default_rng(0).standard_normal((_RANDOM_ROWS, *input.tensor.sizes()), dtype=np.float32)
        seen(run, Part(images=noise, rows=np.arange(_RANDOM_ROWS)), input, rows)
        return None
    after = seen(run, images.report, input, rows)
    del run  # and its memory
    exact = Chain(source.path, source.manifest.segments, threads=physical_cores())
    before = seen(exact, images.report, input, rows)
    return report(before, after, reduced, images, calibrated=precision in CALIBRATED, how=_COMPUTED[precision])


def _runnable(reduced: Manifest, folder: Path, precision: str) -> Run:
    """Open what can be run here of the new bundle."""
    exits, threads = len(reduced.segments), physical_cores()
    if precision == "fp8":  # NumPy has no such numbers to carry from segment to segment
        return Whole(folder / MODEL_NAME, exits, threads=threads)
    if precision not in _HALVES:
        return Chain(folder, reduced.segments, threads=threads)
    with temporary_folder("eeinfer-halves") as other:
        for segment in reduced.segments:
            rounded = rounded_in_float(onnx.load(folder / segment.file), _HALVES[precision])
            onnx.save(rounded, other / segment.file, save_as_external_data=True, location=f"{segment.file}.bin")
        return Chain(other, reduced.segments, threads=threads, as_written=True)

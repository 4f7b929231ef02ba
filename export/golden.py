"""Recording what a bundle answers: the golden file, by which other languages and machines are held against this one."""

import os
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import take
from eeinfer.backends.base import Inputs
from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.pixels import in_order, pixel_shape
from eeinfer.engine import Engine
from eeinfer.errors import DataError, DependencyError, ExportError, NonFiniteWarning
from eeinfer.export.optimise.trial import trial_inputs
from eeinfer.export.parting import parting_taus
from eeinfer.export.precision.real_images import real_images
from eeinfer.golden.file import Golden, golden_path, write_golden
from eeinfer.loading import load
from eeinfer.machine.instructions import instruction_sets
from eeinfer.machine.versions import version_of
from eeinfer.preprocess import prepare
from eeinfer.progress import Progress, silent

ROWS = 32


def export_golden(
    bundle: str | Path,
    *,
    inputs: Inputs | None = None,
    root: str | os.PathLike[str] | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Path:
    """Run a bundle on the CPU with ONNX Runtime, write what every exit answers beside it, and return the file's path.

    Args:
        bundle: the folder that ``eeinfer export`` wrote.
        inputs: what to record, [B, ...] by the names of the bundle's inputs; by default 32 images of the data set that
            the network was trained on where they are at hand, else random rows, one of them with NaN.
        root: the folder that holds the files of that data set; None looks where it usually lies.
        force: replace an existing file.
        progress: told where the rows come from.

    Raises:
        BundleError: the bundle is missing or damaged, or does not run on a CPU.
        DataError: `root` holds no such data set, or images of another size than a bundle of 8-bit pixels takes.
        ExportError: the file exists, or `root` is given for a bundle that reads no images.
        InputError: the inputs are not what the bundle takes.
    """
    opened = Bundle.open(bundle)
    target = golden_path(opened.path)
    if target.exists() and not force:
        raise ExportError(f"{target} exists; replace it with --force")
    given = _drawn(opened, root, progress) if inputs is None else inputs
    with load(opened.path, backend="onnxruntime", verify=False) as engine:
        write_golden(target, record(engine, given))
    return target


def record(engine: Engine, inputs: Inputs) -> Golden:
    """Return what every exit of ``engine`` answers to ``inputs``, and where rows leave at thresholds that part them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NonFiniteWarning)
        every = engine.all_exits(inputs)
        taus = parting_taus(every.scores)
        exits = engine(inputs, tau=taus).exits
    return Golden(
        fingerprint=engine.bundle.fingerprint,
        made_with={
            "eeinfer": version_of("eeinfer") or "",
            "onnxruntime": version_of("onnxruntime") or version_of("onnxruntime-gpu") or "",
            "instruction_sets": instruction_sets(),
            "backend": engine.backend,
            "optimised": str(engine.optimised).lower(),
        },
        inputs=tuple(inputs[input.tensor.name] for input in engine.manifest.inputs),
        scores=every.scores,
        predictions=every.predictions,
        logits=every.logits,
        taus=taus,
        exits=exits,
    )


def _drawn(bundle: Bundle, root: str | os.PathLike[str] | None, progress: Progress) -> Inputs:
    if _reads_images(bundle):
        try:
            name, images = _images(bundle, root)
        except (DataError, DependencyError) as error:
            if root is not None:
                raise
            progress(f"recording random rows: {error}")
        else:
            progress(f"recording {len(images)} images of {name}")
            return {bundle.manifest.inputs[0].tensor.name: images}
    elif root is not None:
        raise ExportError(f"{bundle.path} reads no images, so --root {root} has no effect; leave it out")
    drawn = dict(trial_inputs(bundle, rows=ROWS))
    floats = next((array for array in drawn.values() if array.dtype.kind == "f"), None)
    if floats is not None:
        floats[ROWS // 2] = np.nan  # no exit may answer for that row, nor its neighbours otherwise
    return drawn


def _reads_images(bundle: Bundle) -> bool:
    only = len(bundle.manifest.inputs) == 1
    return only and (bundle.manifest.inputs[0].preprocess is not None or pixel_shape(bundle.manifest) is not None)


def _images(bundle: Bundle, root: str | os.PathLike[str] | None) -> tuple[str, NDArray[np.generic]]:
    """Images as they are where they have the size of the input, so that 8-bit pixels are recorded; else prepared."""
    found = real_images(bundle, None, root=root, seed=0).at_most(1, ROWS, seed=0)
    input, part = bundle.manifest.inputs[0], found.report
    images, shape = take(part.images, part.rows), pixel_shape(bundle.manifest)
    if shape is not None:
        return found.name, np.stack([in_order(_with_channels(image), shape) for image in images])
    if isinstance(images, np.ndarray) and images.dtype == np.uint8:
        pixels = images[..., np.newaxis] if images.ndim == 3 else images
        if pixels.shape[1:3] == input.tensor.sizes()[1:] and pixels.shape[3] == input.tensor.sizes()[0]:
            return found.name, np.ascontiguousarray(pixels)
    return found.name, prepare(images, input)


def _with_channels(image: NDArray[np.generic]) -> NDArray[np.generic]:
    return image[..., np.newaxis] if image.ndim == 2 else image

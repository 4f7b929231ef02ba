"""One ONNX file of a bundle, for those who cannot ship a runtime of ours: any ONNX Runtime runs the cascade."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import onnx
from google.protobuf.message import DecodeError, EncodeError

from eeinfer.bundle.folder import Bundle
from eeinfer.bundle.manifest import MANIFEST_NAME, Input, Manifest
from eeinfer.errors import BundleError, ExportError, first_line
from eeinfer.export.single_file.check import compare
from eeinfer.export.single_file.nested import RULE, nest
from eeinfer.export.tolerance import TOLERANCE
from eeinfer.export.write import SUFFIX as BUNDLE_SUFFIX
from eeinfer.export.write import beside
from eeinfer.progress import Progress, silent

SUFFIX = ".onnx"
DATA_SUFFIX = ".data"  # NAME.onnx.data beside NAME.onnx
FORMAT = "eeinfer single file 1"
EXTERNAL_TENSOR_BYTES = 1024  # smaller ones stay in the graph
EMBEDDED_BYTES = 2_000_000_000  # protobuf writes no message of 2 GiB or more; the graph itself needs some of that


def export_single_file(
    bundle: str | Path,
    out: str | Path | None = None,
    *,
    force: bool = False,
    tolerance: float = TOLERANCE,
    progress: Progress = silent,
) -> Path:
    """Write one ONNX file with all segments in nested Ifs: a branch is computed only when some row goes on.

    Inputs are the bundle's, by name, and, optionally, ``tau`` [E] float32, by default the bundle's. Outputs
    are ``prediction`` [B] int64, ``exit`` [B] int64, ``score`` [B] float32 and ``logits`` [B, K] float32, as the engine
    gives them: a row leaves at exit k iff score > tau[k], and the last exit always answers. A row with NaN or infinite
    pixels has prediction and exit -1, score and logits NaN; one whose final score is not finite prediction -1. The
    others are not affected. How to preprocess images is in the model's metadata, with the classes and the rule.

    A batch goes on as a whole: rows that have left ride along, where the engine removes them.

    Args:
        bundle: the folder that ``eeinfer export`` wrote.
        out: the file to write; beside the bundle and under its name by default. ``.onnx`` is added where it is missing.
        force: replace an existing file.
        tolerance: largest absolute error of a logit against the bundle, relative to the largest logit beyond 1.
        progress: told the name of each step.

    Returns:
        The path of the file. Weights lie inside it, or beside it in ``NAME.onnx.data`` where they exceed what protobuf
        can write, 2 GB.

    Raises:
        BundleError: the bundle is missing, damaged, or not a bundle.
        ExportError: the file exists or cannot be written, the bundle has too many exits, or the file does not answer
            as the bundle does; nothing is left behind.
    """
    target = single_file_target(bundle, out, force=force)
    source = Bundle.open(bundle)
    _refuse_unfit(bundle, source.manifest)
    source.check_plain()
    with new_file(target) as file:
        progress("nesting the segments")
        try:
            _write(source, file)
        except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError, DecodeError, EncodeError) as error:
            raise ExportError(
                f"the segments of {bundle} cannot share one graph: {first_line(error)}; deploy the bundle"
            ) from error
        progress("verifying")
        try:
            agreement = compare(file, source, tolerance=tolerance)
        except BundleError as error:
            raise ExportError(f"ONNX Runtime cannot open the single file of {bundle}: {error.__cause__}") from error
        progress(
            f"verified against the bundle in {agreement.runs} runs at several taus and batch sizes: "
            f"max error {agreement.max_abs_error:.1e}, rows left at exits {', '.join(map(str, agreement.exits))}"
        )
    return target


def single_file_target(source: str | Path, out: str | Path | None, *, force: bool) -> Path:
    """Return where the file goes, refusing what cannot be written before any work is done.

    Args:
        source: the bundle or checkpoint it is made of.
        out: what the user asked for; None is beside ``source`` and under its name.
        force: replace an existing file.

    Raises:
        ExportError: the place is taken, a folder, or inside a bundle.
    """
    wanted = Path(source if out is None else out)
    wanted = wanted if wanted.name else wanted.resolve()  # such as `.`
    if out is None:
        target = wanted.with_suffix(SUFFIX)
    elif wanted.name.endswith(BUNDLE_SUFFIX):
        raise ExportError(
            f"{out} is a bundle's name; a single file ends in {SUFFIX}: --out {wanted.with_suffix(SUFFIX)}"
        )
    else:
        target = wanted if wanted.name.endswith(SUFFIX) else wanted.with_name(f"{wanted.name}{SUFFIX}")
    if target.is_dir() or (out is not None and wanted.is_dir()):
        folder = target if target.is_dir() else wanted
        raise ExportError(f"{folder} is a folder; name a file in it: --out {folder / 'model.onnx'}")
    if (target.parent / MANIFEST_NAME).exists():
        raise ExportError(f"{target} would lie inside the bundle {target.parent}; choose another place with --out")
    for path in (target, _data(target)):
        if path.exists() and not force:
            raise ExportError(f"{path} exists; replace it with --force or choose another name with --out")
    return target


def _data(target: Path) -> Path:
    return target.with_name(target.name + DATA_SUFFIX)


@contextlib.contextmanager
def new_file(target: Path) -> Iterator[Path]:
    """Yield a path in a hidden folder beside ``target``; what lies there moves into place if the block succeeds.

    Raises:
        ExportError: the folder of ``target`` cannot be written, or its disk is full.
    """
    with beside(target, hint="choose another place with --out") as folder:
        yield folder / target.name
        data = folder / _data(target).name
        if data.exists():  # first, so that a graph never stands without its weights
            data.replace(_data(target))
        (folder / target.name).replace(target)


def _refuse_unfit(path: str | Path, manifest: Manifest) -> None:
    if manifest.device == "cuda":
        raise ExportError(
            f"{path} is in {manifest.precision} and made for GPUs; a single file is made of a bundle in fp32, "
            "or in int8 for a CPU"
        )


def _write(source: Bundle, file: Path) -> None:
    """Nest the segments, fetch their weights, describe the model and save it."""
    segments = source.manifest.segments
    model = nest([onnx.load(source.file(part.file), load_external_data=False) for part in segments], source.manifest)
    for key, value in _metadata(source.manifest).items():
        model.metadata_props.add(key=key, value=value)
    onnx.load_external_data_for_model(model, str(source.path))
    weights = sum(entry.bytes for entry in source.manifest.files.values())
    onnx.save(
        model,
        str(file),
        save_as_external_data=weights > EMBEDDED_BYTES,
        location=_data(file).name,
        size_threshold=EXTERNAL_TENSOR_BYTES,
    )
    onnx.checker.check_model(str(file), full_check=True)


def _metadata(manifest: Manifest) -> dict[str, str]:
    """What somebody who has the file alone must know; values that are not plain words are JSON."""
    return {
        "format": FORMAT,
        "name": manifest.name,
        "classes": _json(manifest.classes),
        **_inputs(manifest),
        "score": manifest.score,
        "taus": _json(manifest.taus),
        "rule": RULE,
        "flops": _json([segment.cumulative_flops for segment in manifest.segments]),
        "flops_convention": manifest.flops.convention,
        "provenance": _json(manifest.provenance),
    }


def _inputs(manifest: Manifest) -> dict[str, str]:
    """What the file is given: under plain keys where that is one input, as it mostly is."""
    if len(manifest.inputs) > 1:
        return {"inputs": _json(manifest.inputs), "axes": _json(manifest.axes)}
    [input] = manifest.inputs
    steps = {"preprocess": _json(input.preprocess), "preprocess_steps": _steps(input)}
    return {"input": _json(input.tensor), **steps, **({"axes": _json(manifest.axes)} if manifest.axes else {})}


def _steps(input: Input) -> str:
    rule, spec = input.preprocess, input.tensor
    if rule is None:
        return f"none known: give {spec.dtype} {['batch', *spec.shape]}, prepared as in training"
    channels, height, width = spec.shape
    scaled = f"the shorter side to {rule.resize}" if rule.resize else f"to {height} x {width}"
    return (
        f"8-bit image with {channels} channel(s), grey or RGB; scale {scaled} pixels ({rule.interpolation}, as Pillow "
        f"does it); cut {height} x {width} from the centre; divide by 255; subtract mean, divide by std; "
        f"float32 [batch, {channels}, {height}, {width}]"
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()

"""``eeinfer export``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eeinfer.bundle.manifest import MANIFEST_NAME
from eeinfer.cli.app import Debug, command, say
from eeinfer.cli.exporting.folding import Fold, check_fold, folded
from eeinfer.cli.exporting.options import Golden, Out, Root, SingleFile, Source
from eeinfer.cli.exporting.plans import Batch, Target, Trt, TrtLibrary, add_plans, plan_config
from eeinfer.cli.exporting.precision import Calibration, CalibrationImages, Device, Precision, precision_config, reduced
from eeinfer.cli.exporting.repository import Segments, Triton, repository
from eeinfer.cli.options import Parts
from eeinfer.cli.progress import tell
from eeinfer.errors import DataError, ExportError
from eeinfer.export import TOLERANCE
from eeinfer.files import check_folder
from eeinfer.machine.leftovers import temporary_folder

if TYPE_CHECKING:
    from eeinfer.export import PrecisionConfig
    from eeinfer.export.trt.config import TrtConfig

_BUNDLE, _SINGLE = ".eeb", ".onnx"


@command(example="eeinfer export runs/digits/checkpoint.pt --out digits.eeb")
def export(
    source: Source,
    out: Out = None,
    root: Root = None,
    parts: Parts = None,
    single_file: SingleFile = False,
    trt: Trt = False,
    target: Target = None,
    batch: Batch = None,
    trt_library: TrtLibrary = None,
    precision: Precision = "fp32",
    device: Device = None,
    calibration: Calibration = None,
    calibration_images: CalibrationImages = None,
    fold: Fold = None,
    golden: Golden = False,
    triton: Triton = None,
    segments: Segments = None,
    tolerance: Annotated[float, typer.Option(help="Largest error of a logit against torch.")] = TOLERANCE,
    force: Annotated[bool, typer.Option("--force", help="Replace what exists.")] = False,
    debug: Debug = False,
) -> None:
    """Cut a checkpoint into one ONNX graph per exit, verify them against torch, and write the bundle.

    The path of the bundle is printed on stdout, the parity report on stderr. With --single-file one ONNX file comes
    out instead, for places where only an ONNX runtime can go; in it a batch goes on as long as one of its rows does.
    With --precision the network's body is reduced, and a report says how accuracy and exits moved on real images.
    With --trt TensorRT plans for NVIDIA GPUs are built into the bundle, after the export or into one that is there.
    With --fold-preprocess the bundle takes 8-bit images as they are, of the network's size.
    With --golden inputs and what every exit answers go into NAME.golden.npz, of the new bundle or of one that is there.
    With --triton a bundle is written as a model repository for Triton Inference Server.
    """
    source = _finished_run(source)
    others: dict[str, object] = {
        **{"--out": out, "--single-file": single_file, "--trt": trt, "--golden": golden, "--force": force},
        **{"--fold-preprocess": fold, "--precision": precision != "fp32", "--root": root, "--part": parts},
    }
    if (written := repository(source, triton, segments, others)) is not None:
        typer.echo(written)
        return
    plans = plan_config(trt, target, batch, trt_library)
    reduction = precision_config(precision, device, calibration, calibration_images, trt=trt)
    _check_together(plans, fold, precision, golden=golden, single_file=single_file)
    if root is not None:
        _check_root(root, source, calibration, reduces=reduction is not None, golden=golden)
    if parts and _is_bundle(source):
        raise ExportError(f"--part has no effect, {source} is a bundle and needs no code; leave it out")
    if _is_bundle(source) and reduction is None and fold is None and (golden or plans is not None):
        _add(source, out, plans, golden=golden, force=force, root=root)
        return
    if reduction is not None:
        path = _reduced(
            source,
            out,
            reduction,
            calibration,
            force=force,
            root=root,
            parts=parts,
            tolerance=tolerance,
            single_file=single_file,
        )
    else:
        path = _made(
            source, out, fold, single_file=single_file, force=force, root=root, parts=parts, tolerance=tolerance
        )
    typer.echo(path)
    _complete(path, plans, golden=golden, force=force, root=root)


def _made(
    source: Path,
    out: Path | None,
    fold: str | None,
    *,
    single_file: bool,
    force: bool,
    root: Path | None,
    parts: Parts,
    tolerance: float,
) -> Path:
    if fold is not None:
        return _folded(source, out, fold, force=force, root=root, parts=parts, tolerance=tolerance)
    if single_file:
        return _single_file(source, out, force=force, root=root, parts=parts, tolerance=tolerance)
    _check_new_bundle(source, out)
    return _bundle(source, out, force=force, root=root, parts=parts, tolerance=tolerance)


def _complete(path: Path, plans: "TrtConfig | None", *, golden: bool, force: bool, root: Path | None) -> None:
    if plans is not None:
        add_plans(path, plans, force=force)
    if golden:
        say(f"recorded in {_golden(path, force=force, root=root)}")


def _check_together(
    plans: "TrtConfig | None", fold: str | None, precision: str, *, golden: bool, single_file: bool
) -> None:
    """Refuse options that no run of the command can heed together."""
    if single_file:
        _check_single_file(plans, golden=golden)
    check_fold(fold, precision, single_file=single_file)


def _check_root(root: Path, source: Path, calibration: str | None, *, reduces: bool, golden: bool) -> None:
    """Refuse a folder of images that nothing of this run would look at."""
    if not root.is_dir():
        raise DataError(f"--root {root} is no folder; give the one that eeinfer train was given")
    if golden or not _is_bundle(source):
        return
    if not reduces:
        raise ExportError(
            f"--root {root} has no effect, {source} is a bundle and compared already; leave it out, or add --golden "
            "or --precision"
        )
    if calibration is not None and (Path(calibration).suffix == ".npz" or Path(calibration).is_dir()):
        raise ExportError(
            f"--root {root} has no effect beside the images of --calibration {calibration}; leave out one"
        )


def _check_single_file(plans: "TrtConfig | None", *, golden: bool) -> None:
    if plans is not None:
        raise ExportError("--single-file writes no bundle for the plans of --trt; run the command once with each")
    if golden:
        raise ExportError(
            "--golden records what a bundle answers; leave out --single-file, or run the command with each"
        )


def _check_new_bundle(source: Path, out: Path | None) -> None:
    if _is_bundle(source):
        raise ExportError(
            f"{source} is a bundle, exported already; make one ONNX file of it with --single-file, TensorRT plans "
            f"with --trt, a smaller and faster bundle with --precision, a record of its answers with "
            f"--golden, look at it with: eeinfer inspect {source}"
        )
    if out is not None and out.suffix == _SINGLE:
        raise ExportError(f"--out {out} names an ONNX file; add --single-file, or name a bundle, {out.stem}{_BUNDLE}")


def _add(
    bundle: Path, out: Path | None, plans: "TrtConfig | None", *, golden: bool, force: bool, root: Path | None
) -> None:
    """Add plans, a golden file or both to a bundle that is there; what was asked for first is told on stdout."""
    if out is not None:
        where = f"--golden writes beside {bundle}" if plans is None else f"--trt builds plans inside {bundle}"
        raise ExportError(f"{where}; leave out --out {out}, or copy the bundle there first")
    if plans is None:
        typer.echo(_golden(bundle, force=force, root=root))
        return
    for folder in add_plans(bundle, plans, force=force):
        typer.echo(folder)
    if golden:
        say(f"recorded in {_golden(bundle, force=force, root=root)}")


def _is_bundle(source: Path) -> bool:
    return source.is_dir() or source.suffix == _BUNDLE


def _finished_run(source: Path) -> Path:
    """Return the checkpoint in a folder that `eeinfer train` wrote; anything else as it is."""
    checkpoint = source / "checkpoint.pt"
    if source.suffix == _BUNDLE or not source.is_dir() or (source / MANIFEST_NAME).exists():
        return source
    if not checkpoint.is_file():
        raise ExportError(
            f"the folder {source} is neither a bundle nor a finished run: it holds no {MANIFEST_NAME} and no "
            f"{checkpoint.name}; finish the run, or name a checkpoint"
        )
    return checkpoint


def _bundle(
    checkpoint: Path, out: Path | None, *, force: bool, root: Path | None, parts: Parts, tolerance: float
) -> Path:
    from eeinfer.bundle.folder import Bundle
    from eeinfer.export import export_checkpoint

    path = export_checkpoint(
        checkpoint, out, force=force, root=root, parts=parts or (), tolerance=tolerance, progress=tell
    )
    parity = Bundle.open(path).manifest.parity
    for index, entry in enumerate(parity.exits):
        agreement = "predictions equal" if entry.predictions_equal else "predictions differ"
        say(f"exit {index}: max error {entry.max_abs_error:.1e}, {agreement}, decisions {entry.decisions_equal:.2%}")
    say(f"verified against torch on {' and '.join(parity.inputs)} inputs, tolerance {parity.tolerance:g}")
    return path


def _folded(
    source: Path, out: Path | None, layout: str, *, force: bool, root: Path | None, parts: Parts, tolerance: float
) -> Path:
    """Fold the preprocessing of a bundle, or of a checkpoint by way of a bundle that is thrown away."""
    from eeinfer.export.write import bundle_target

    if _is_bundle(source):
        return folded(source, out, layout, force=force)
    target = bundle_target(source.with_suffix(_BUNDLE) if out is None else out, force=force)
    check_folder(target.parent, "the bundle")
    with temporary_folder("eeinfer-export") as folder:
        bundle = _bundle(source, folder / target.name, force=False, root=root, parts=parts, tolerance=tolerance)
        return folded(bundle, target, layout, force=force)


def _golden(bundle: Path, *, force: bool, root: Path | None) -> Path:
    from eeinfer.export.golden import export_golden

    return export_golden(bundle, root=root, force=force, progress=tell)


def _single_file(
    source: Path, out: Path | None, *, force: bool, root: Path | None, parts: Parts, tolerance: float
) -> Path:
    """Make the file of a bundle, or of a checkpoint by way of a bundle that is thrown away."""
    from eeinfer.export.single_file.api import export_single_file, single_file_target

    target = single_file_target(source, out, force=force)
    check_folder(target.parent, "the file")
    if _is_bundle(source):
        return export_single_file(source, target, force=force, tolerance=tolerance, progress=tell)
    with temporary_folder("eeinfer-export") as folder:
        bundle = _bundle(
            source, folder / f"{target.stem}{_BUNDLE}", force=False, root=root, parts=parts, tolerance=tolerance
        )
        return export_single_file(bundle, target, force=force, tolerance=tolerance, progress=tell)


def _reduced(
    source: Path,
    out: Path | None,
    reduction: "PrecisionConfig",
    calibration: str | None,
    *,
    force: bool,
    root: Path | None,
    parts: Parts,
    tolerance: float,
    single_file: bool,
) -> Path:
    """Reduce a bundle, or a checkpoint by way of a bundle that is thrown away."""
    from eeinfer.export.write import bundle_target

    if single_file:
        raise ExportError("--precision writes a bundle; make one ONNX file of it in a second run, with --single-file")
    if out is not None and out.suffix == _SINGLE:
        raise ExportError(f"--out {out} names an ONNX file; --precision writes a bundle: --out {out.stem}{_BUNDLE}")
    name = source.resolve().with_name(f"{source.resolve().stem}-{reduction.precision}{_BUNDLE}")
    target = bundle_target(name if out is None else out, force=force)
    check_folder(target.parent, "the bundle")
    if _is_bundle(source):
        return reduced(source, target, reduction, calibration, root=root, force=force)
    with temporary_folder("eeinfer-export") as folder:
        bundle = _bundle(source, folder / target.name, force=False, root=root, parts=parts, tolerance=tolerance)
        return reduced(bundle, target, reduction, calibration, root=root, force=force)

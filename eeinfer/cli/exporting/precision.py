"""The options of ``eeinfer export`` that reduce precision, and how their report is told."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eeinfer.cli.app import say
from eeinfer.cli.progress import tell
from eeinfer.errors import ExportError

if TYPE_CHECKING:
    from eeinfer.bundle.manifest import ExitShift, Shift, TauShift
    from eeinfer.export import PrecisionConfig

Precision = Annotated[
    str,
    typer.Option(
        metavar="fp32|fp16|bf16|int8|fp8",
        help="Of the network's body; heads and scores stay in float32. Of a bundle, a new one is made.",
    ),
]
Device = Annotated[
    str | None,
    typer.Option(metavar="cpu|cuda", help="Of int8: where it will run. [default: cpu]", show_default=False),
]
Calibration = Annotated[
    str | None,
    typer.Option(
        "--calibration",
        "--data",
        metavar="FOLDER|FILE.csv|FILE.npz|NAME",
        help="Images to calibrate on, and others to report on. Without it: what the network was trained on.",
        show_default=False,
    ),
]
CalibrationImages = Annotated[
    int | None, typer.Option(help="Calibrate on at most this many. [default: 500]", show_default=False)
]

_NEXT = {
    "cpu": "on the processor that it will run on, compare: eeinfer bench {0}",
    "fp16": "fp16 is for GPUs: on a CPU it runs, but slower than fp32",
    "cuda": "made for TensorRT on a GPU",
}


def precision_config(
    precision: str, device: str | None, calibration: str | None, images: int | None, *, trt: bool
) -> "PrecisionConfig | None":
    """Return how precision is to be reduced; None for fp32.

    Raises:
        ConfigError: a setting is unknown or does not fit the precision.
        ExportError: a setting has no effect.
    """
    from dataclasses import replace

    from eeinfer.export import PrecisionConfig

    if precision == "fp32":
        given = {"--device": device, "--calibration": calibration, "--calibration-images": images}
        useless = [name for name, value in given.items() if value is not None]
        if useless:
            raise ExportError(f"{useless[0]} has no effect in fp32; add --precision int8, or leave it out")
        return None
    config = PrecisionConfig(precision=precision, device=device or ("cuda" if trt else None))
    if trt and config.made_for == "cpu":
        raise ExportError("--trt builds plans for a GPU, and --device cpu makes int8 for a processor; leave out one")
    return config if images is None else replace(config, calibration_images=images)


def reduced(
    bundle: Path, out: Path, config: "PrecisionConfig", calibration: str | None, *, root: Path | None, force: bool
) -> Path:
    """Write the bundle in reduced precision and tell what that did."""
    from eeinfer.bundle.folder import Bundle
    from eeinfer.export import reduce_precision

    path = reduce_precision(bundle, out, config=config, data=calibration, root=root, force=force, progress=tell)
    manifest = Bundle.open(path).manifest
    for line in shift_lines(manifest.shift, manifest.precision) if manifest.shift else ():
        say(line)
    if Bundle.open(bundle, verify=False).manifest.certificate is not None:
        say(f"the certificate of {bundle} is for its own precision, and {path} has none; eeinfer thresholds finds one")
    advice = _NEXT["fp16"] if config.precision == "fp16" else _NEXT[config.made_for]
    say(advice.format(path))
    return path


def shift_lines(shift: "Shift", precision: str) -> Iterator[str]:
    """Tell how answers in reduced precision differ from float32."""
    calibrated = f", calibrated on {shift.calibration_images} others" if shift.calibration_images else ""
    yield f"{precision} against fp32 on {shift.images} images of {shift.data}{calibrated}"
    yield f"  computed as {shift.computed}"
    for k, exit in enumerate(shift.exits):
        yield f"  exit {k}: {_exit(exit)}"
    for at, tau in enumerate(shift.taus):
        same = len(set(tau.taus)) == 1
        name = f"{tau.taus[0]:g}" if same else ", ".join(f"{value:g}" for value in tau.taus)
        yield f"  tau {name}{' (the default)' if at == 0 else ''}: {_tau(tau)}"


def _exit(exit: "ExitShift") -> str:
    return (
        f"{_accuracy(exit)}predictions equal {exit.predictions_equal:.2%}, "
        f"score shift at most {exit.max_score_shift:.3f}, mean {exit.mean_score_shift:.4f}"
    )


def _tau(tau: "TauShift") -> str:
    change = tau.flops_after / tau.flops_before - 1
    return (
        f"{_accuracy(tau)}{tau.moved:.1%} leave at another exit, "
        f"mean exit {tau.mean_exit_before:.2f} -> {tau.mean_exit_after:.2f}, FLOPs {change:+.1%}"
    )


def _accuracy(shift: "ExitShift | TauShift") -> str:
    if shift.accuracy_before is None or shift.accuracy_after is None:
        return ""
    return f"accuracy {shift.accuracy_before:.2%} -> {shift.accuracy_after:.2%}, "

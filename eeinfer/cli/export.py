"""``eeinfer export``."""

from pathlib import Path
from typing import Annotated

import typer

from eeinfer.cli.app import Debug, command, say
from eeinfer.export import TOLERANCE


@command(example="eeinfer export runs/digits/checkpoint.pt --out digits.eeb")
def export(
    checkpoint: Annotated[Path, typer.Argument(help="What `eeinfer train` wrote.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option(help="The bundle to write. Without it: beside the checkpoint.", show_default=False)
    ] = None,
    tolerance: Annotated[float, typer.Option(help="Largest error of a logit against torch.")] = TOLERANCE,
    force: Annotated[bool, typer.Option("--force", help="Replace a bundle that exists.")] = False,
    debug: Debug = False,
) -> None:
    """Cut a checkpoint into one ONNX graph per exit, verify them against torch, and write the bundle.

    The path of the bundle is printed on stdout, the parity report on stderr.
    """
    from eeinfer.bundle import Bundle
    from eeinfer.export import export_checkpoint

    path = export_checkpoint(
        checkpoint, out, force=force, tolerance=tolerance, progress=lambda step: say(f"{step} ...")
    )
    parity = Bundle.open(path).manifest.parity
    for index, entry in enumerate(parity.exits):
        agreement = "predictions equal" if entry.predictions_equal else "predictions differ"
        say(f"exit {index}: max error {entry.max_abs_error:.1e}, {agreement}, decisions {entry.decisions_equal:.2%}")
    say(f"verified against torch on {' and '.join(parity.inputs)} inputs, tolerance {parity.tolerance:g}")
    typer.echo(path)

"""``eeinfer calibrate``."""

from pathlib import Path
from typing import Annotated

import typer

from eeinfer.cli.app import Debug, Json, command, say
from eeinfer.cli.progress import tell
from eeinfer.cli.training.next_step import next_export


@command(example="eeinfer calibrate runs/digits/checkpoint.pt --kind laplace")
def calibrate(
    checkpoint: Annotated[Path, typer.Argument(help="What `eeinfer train` wrote.", show_default=False)],
    kind: Annotated[str, typer.Option(help="temperature or laplace.")] = "temperature",
    draws: Annotated[int, typer.Option(help="Of laplace: samples from each exit's last layer.")] = 50,
    seed: Annotated[int, typer.Option(help="Of laplace: of these samples.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(help="The checkpoint to write. Without it: beside the first, with the kind in its name."),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(help="Folder of the data set's files, as eeinfer train had it. Without it: the usual places."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a checkpoint that exists.")] = False,
    json_output: Json = False,
    debug: Debug = False,
) -> None:
    """Put the probabilities of a trained checkpoint right, from its validation images; no weight changes.

    The path of the new checkpoint is printed on stdout, every exit's quality before and after on stderr.
    """
    import json
    from dataclasses import asdict

    from eeinfer.training import calibration

    found = calibration.calibrate(
        checkpoint, out, root=root, kind=kind, draws=draws, seed=seed, force=force, progress=tell
    )
    if json_output:
        typer.echo(json.dumps({**asdict(found), "path": str(found.path)}, indent=2))
        return
    for index, (before, after) in enumerate(zip(found.test_before, found.test_after, strict=True)):
        say(
            f"exit {index} on test images: accuracy {before.accuracy:.2%} -> {after.accuracy:.2%}, "
            f"NLL {before.nll:.3f} -> {after.nll:.3f}, calibration error {before.ece:.3f} -> {after.ece:.3f}"
        )
    say(next_export(found.path, root))
    typer.echo(found.path)

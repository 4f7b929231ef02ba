"""``eeinfer calibrate``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eeinfer.cli.app import Debug, Json, command, say
from eeinfer.cli.options import Parts
from eeinfer.cli.progress import tell
from eeinfer.cli.training.next_step import next_export
from eeinfer.errors import DependencyError

if TYPE_CHECKING:
    from eeinfer.training.calibration import Calibration


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
    data: Annotated[
        str | None,
        typer.Option(
            help="Other images than the run's: CLASS/IMAGE files; a list with the columns path,label; arrays 'images' "
            "and 'labels'. One half fits, the other is told. Without it: as trained on.",
            metavar="FOLDER|FILE.csv|FILE.npz",
        ),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(help="Folder of the data set's files, as eeinfer train had it. Without it: the usual places."),
    ] = None,
    parts: Parts = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a checkpoint that exists.")] = False,
    json_output: Json = False,
    debug: Debug = False,
) -> None:
    """Put the probabilities of a trained checkpoint right, from its validation images; no weight changes.

    The path of the new checkpoint is printed on stdout, every exit's quality before and after on stderr: how true its
    probabilities are, and how well its confidence ranks (AUROC, 0.5 is chance). Beside the checkpoint lies a page with
    reliability diagrams.
    """
    import json
    from dataclasses import asdict

    from eeinfer.training import calibration

    found = calibration.calibrate(
        checkpoint,
        out,
        data=data,
        root=root,
        kind=kind,
        draws=draws,
        seed=seed,
        parts=parts or (),
        force=force,
        progress=tell,
    )
    _report(found)
    if json_output:
        typer.echo(json.dumps({**asdict(found), "path": str(found.path)}, indent=2))
        return
    for index, (before, after) in enumerate(zip(found.test_before, found.test_after, strict=True)):
        say(
            f"exit {index} on test images: accuracy {before.accuracy:.2%} -> {after.accuracy:.2%}, "
            f"NLL {before.nll:.3f} -> {after.nll:.3f}, calibration error {before.ece:.3f} -> {after.ece:.3f}, "
            f"Brier score {before.brier:.3f} -> {after.brier:.3f}, "
            f"ranks right from wrong {_ranks(before.ranks_right)} -> {_ranks(after.ranks_right)}, "
            f"safe to leave from not {_ranks(before.ranks_safe)} -> {_ranks(after.ranks_safe)}"
        )
    say(next_export(found.path, root, parts or ()))
    typer.echo(found.path)


def _ranks(auroc: float | None) -> str:
    return "-" if auroc is None else f"{auroc:.3f}"


def _report(found: "Calibration") -> None:
    """Write the page; without what it takes, the checkpoint is there all the same."""
    from eeinfer.bench.reporting.calibration import calibration_page
    from eeinfer.files import replace_file

    path = found.path.with_suffix(".html")
    try:
        replace_file(path, calibration_page(found).encode())
    except DependencyError as error:
        say(f"no report: {error}")
        return
    say(f"report: {path}")

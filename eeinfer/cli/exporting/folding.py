"""The option of ``eeinfer export`` that puts preprocessing into the graph."""

from pathlib import Path
from typing import Annotated

import typer

from eeinfer.cli.progress import tell
from eeinfer.errors import ExportError

Fold = Annotated[
    str | None,
    typer.Option(
        "--fold-preprocess",
        metavar="nhwc|nchw",
        help="Let the bundle take uint8 images in this order and normalise them. Of a bundle, a new one is made.",
        show_default=False,
    ),
]


def check_fold(fold: str | None, precision: str, *, single_file: bool) -> None:
    """Refuse what does not go together.

    Raises:
        ExportError: precision is reduced or a single file is made in the same run.
    """
    if fold is None:
        return
    if precision != "fp32":
        raise ExportError(
            "--fold-preprocess is for the finished bundle; reduce its precision first, then fold that in a second run"
        )
    if single_file:
        raise ExportError("--fold-preprocess writes a bundle; a single file says in its metadata how to normalise")


def folded(bundle: Path, out: Path | None, layout: str, *, force: bool) -> Path:
    """Write the bundle that takes 8-bit images."""
    from eeinfer.export import fold_preprocess

    return fold_preprocess(bundle, out, layout=layout, force=force, progress=tell)

"""The options of ``eeinfer export`` that write a model repository for Triton."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from eeinfer.cli.app import say
from eeinfer.errors import ExportError

Triton = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Write a bundle as a new model repository for Triton: our scheduler in its Python backend.",
        show_default=False,
    ),
]
Segments = Annotated[
    str | None,
    typer.Option(
        metavar="onnxruntime|python",
        help="With --triton: a Triton model per segment, run by this backend, and one that calls them.",
        show_default=False,
    ),
]


def repository(bundle: Path, target: Path | None, segments: str | None, others: Mapping[str, object]) -> Path | None:
    """Write the repository; None without --triton.

    Args:
        bundle: what is written.
        target: of --triton.
        segments: of --segments.
        others: option -> its value, each of which is for something else; what is false or None was not given.

    Raises:
        ExportError: an option has no effect, or the repository cannot be written.
    """
    if target is None:
        if segments is not None:
            raise ExportError(f"--segments {segments} says what a model repository holds; add --triton FOLDER")
        return None
    for option, value in others.items():
        if value:
            raise ExportError(
                f"--triton writes a finished bundle as it is, and {option} makes another one; run the command with each"
            )
    if bundle.suffix != ".eeb" and not bundle.is_dir():
        raise ExportError(f"--triton takes a bundle; write it first: eeinfer export {bundle}")
    from eeinfer.export.triton.api import export_triton
    from eeinfer.export.triton.config import TritonConfig

    written = export_triton(bundle, target, TritonConfig(segments=segments))
    say(f"start it, where eeinfer can be imported: tritonserver --model-repository {written}")
    return written

"""Options of ``eeinfer export`` that say what is written from what."""

from pathlib import Path
from typing import Annotated

import typer

Source = Annotated[
    Path,
    typer.Argument(
        metavar="CHECKPOINT",
        help="What `eeinfer train` wrote; with --precision and most other options also a bundle (.eeb).",
        show_default=False,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(help="The bundle or file to write. Without it: beside the checkpoint.", show_default=False),
]
Root = Annotated[
    Path | None,
    typer.Option(
        help="Folder of the data set that a checkpoint was trained on, as eeinfer train had it: real images for "
        "the comparison with torch, --precision and --golden. Without it: the usual places.",
        show_default=False,
    ),
]
SingleFile = Annotated[
    bool, typer.Option("--single-file", help="Write one ONNX file with nested Ifs that runs without eeinfer.")
]
Golden = Annotated[
    bool, typer.Option("--golden", help="Record inputs and every exit's answers beside the bundle, for eeinfer check.")
]

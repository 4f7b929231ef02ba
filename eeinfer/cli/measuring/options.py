"""The options of ``eeinfer bench`` that say what is measured on what; those of its comparisons stand with these."""

from pathlib import Path
from typing import Annotated

import typer

from eeinfer.bench.config import GRIDS

Thresholds = Annotated[int, typer.Option(help="Points of the grids linspace and log, 0 and 1 included.")]
GridFamily = Annotated[
    str,
    typer.Option(
        metavar="|".join(GRIDS),
        help="Family of thresholds. auto: what suits the score. budget: fitted per exit on half of the images.",
    ),
]
Data = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FOLDER|FILE.csv|FILE.npz",
        help="Images: a data set; CLASS/IMAGE files; a list with the columns path,label; arrays 'images' and 'labels'. "
        "Without it: as trained on.",
        show_default=False,
    ),
]
Root = Annotated[
    Path | None,
    typer.Option(help="Folder that holds the files of a data set by name. Without it: the usual places."),
]
Batch = Annotated[int, typer.Option(help="Images per timed call.")]
Threads = Annotated[int | None, typer.Option(help="Threads per session. Without it: one per core.", show_default=False)]
DeviceName = Annotated[str, typer.Option(help="cpu, cuda, or cuda:1.")]
BackendName = Annotated[
    str | None,
    typer.Option(help="Of the cascade, such as onnxruntime-cuda. Without it: the best one.", show_default=False),
]
Level = Annotated[
    int | None,
    typer.Option(
        help="With --device cuda: how little waits for the host, 0 to 3. Without it: the backend's own.",
        show_default=False,
    ),
]
MaxImages = Annotated[int | None, typer.Option(help="Accuracy from a random part of the images.", show_default=False)]
Out = Annotated[Path | None, typer.Option(help="Folder of the report. Without it: NAME-bench.", show_default=False)]

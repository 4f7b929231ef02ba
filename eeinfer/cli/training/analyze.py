"""``eeinfer analyze``."""

from pathlib import Path
from typing import Annotated

import typer

from eeinfer.cli.app import Debug, Json, command, say


@command(example="eeinfer analyze overthinking runs/digits/checkpoint.pt --images 200")
def analyze(
    kind: Annotated[str, typer.Argument(help="rank, information, landscape or overthinking.", show_default=False)],
    checkpoints: Annotated[
        list[Path], typer.Argument(help="What `eeinfer train` wrote: several runs, or one run's phases.")
    ],
    images: Annotated[
        int | None,
        typer.Option(
            help="How many, drawn by the seed. Without it: 2000 for rank, 400 information, 256 landscape, else 10000."
        ),
    ] = None,
    columns: Annotated[int, typer.Option(help="Of rank and information: numbers of a wide layer looked at.")] = 1024,
    steps: Annotated[int, typer.Option(help="Of landscape: points a side, an odd number.")] = 21,
    extent: Annotated[float, typer.Option(help="Of landscape: how far from the weights, in lengths of filters.")] = 1.0,
    directions: Annotated[str, typer.Option(help="Of landscape: gaussian or uniform.")] = "gaussian",
    vectors: Annotated[
        bool, typer.Option("--vectors", help="Of landscape: move biases and normalisation too.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of every draw.")] = 0,
    root: Annotated[
        Path | None,
        typer.Option(help="Folder of the data set's files, as eeinfer train had it. Without it: the usual places."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for KIND.json, KIND.csv and KIND.svg.")] = None,
    json_output: Json = False,
    debug: Debug = False,
) -> None:
    """Look at what training made of networks: rank and information of layers, loss landscapes, overthinking.

    rank: how many directions each layer uses. information: what each layer still knows of the input, in nats.
    landscape: the loss around the weights, of every exit on one plane. overthinking: how often a later exit spoils what
    an earlier one had right. Rank, information and overthinking look at test images, landscape at training images.
    """
    from eeinfer.bench.analysis.files import to_json, write_analysis
    from eeinfer.bench.analysis.tables import text
    from eeinfer.files import check_folder
    from eeinfer.training.analysis.analyse import AnalysisConfig, analyse
    from eeinfer.training.analysis.landscape import LandscapeConfig

    if out is not None:
        check_folder(out, "the analysis")
    plane = LandscapeConfig(steps=steps, extent=extent, directions=directions, vectors=vectors, seed=seed)
    config = AnalysisConfig(images=images, columns=columns, seed=seed, plane=plane, root=root)
    found = analyse(kind, checkpoints, config, on_network=lambda label: say(f"{kind}: {label}"))
    if out is not None:
        for path in write_analysis(found, out).values():
            say(f"wrote {path}")
    typer.echo(to_json(found).decode() if json_output else text(found))

"""``eeinfer predict``."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eeinfer.bundle.labels import printable
from eeinfer.cli.app import Debug, Json, command, say
from eeinfer.cli.bundles import chosen_bundle
from eeinfer.cli.options import Tau, taus
from eeinfer.cli.threads import share_pool
from eeinfer.errors import DataError, InputError

if TYPE_CHECKING:
    from eeinfer import Engine


@command(example="eeinfer predict photo.png --tau 0.9")
def predict(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE", help="Image files.", show_default=False)],
    bundle: Annotated[
        Path | None,
        typer.Option(help="Without it: the newest one in this folder and its runs, or the shipped one."),
    ] = None,
    tau: Tau = None,
    json_output: Json = False,
    debug: Debug = False,
) -> None:
    """Classify images, one after another, each leaving at its first exit whose score is above tau.

    An image that cannot be read is reported and the others go on; the exit status is then 1.
    """
    import eeinfer

    path = chosen_bundle(bundle, for_images=True)
    share_pool(path, None)
    engine = eeinfer.load(path, tau=taus(tau))
    rows = list(_rows(engine, images))
    if json_output:
        typer.echo(json.dumps(rows, indent=2))
    elif rows:
        typer.echo("\n".join(_table(rows)))
    if len(rows) < len(images):
        raise typer.Exit(1)


def _rows(engine: "Engine", paths: list[Path]) -> Iterator[dict[str, Any]]:  # JSON
    from eeinfer.arrays import read_image

    warm, channels = False, engine.manifest.input.tensor.sizes()[0]
    for path in paths:
        try:
            image = read_image(path, channels)
            if not warm:
                engine(image)  # a first call pays for imports and memory; the times shown should be the cascade's
                warm = True
            result = engine(image)
        except (DataError, InputError) as error:  # of this image: the others get their answers
            say(f"error: {error}" if str(path) in str(error) else f"error: {path}: {error}")
            continue
        label = int(result.predictions[0])
        yield {
            "image": str(path),
            "bundle": str(engine.bundle.path),
            "class": engine.manifest.classes[label] if result.valid[0] else None,
            "score": float(result.scores[0]),
            "exit": int(result.exits[0]),
            "latency_ms": result.latency_ms,
            "flops": int(result.flops[0]),
        }


def _table(rows: list[dict[str, Any]]) -> Iterator[str]:
    from eeinfer.bench.reporting.formats import FlopsUnit

    shown = [(printable(row["image"]), printable(row["class"] or "-")) for row in rows]
    width = max(len(image) for image, _ in shown)
    names = max(5, *(len(name) for _, name in shown))
    unit = FlopsUnit(max(row["flops"] for row in rows))
    yield f"{'image':<{width}}  {'class':<{names}}  {'score':>6}  {'exit':>4}  {'ms':>8}  {unit.name:>7}"
    for row, (image, name) in zip(rows, shown, strict=True):
        yield (
            f"{image:<{width}}  {name:<{names}}  {row['score']:>6.3f}  {row['exit']:>4}"
            f"  {row['latency_ms']:>8.3f}  {unit.text(row['flops']):>7}"
        )

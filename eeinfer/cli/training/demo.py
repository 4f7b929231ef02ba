"""``eeinfer demo``."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eeinfer.cli.app import Debug, command, say
from eeinfer.cli.progress import print_table, shown_progress, tell
from eeinfer.cli.threads import share_pool
from eeinfer.errors import BundleError, CheckpointError
from eeinfer.files import check_folder

if TYPE_CHECKING:
    from eeinfer.training import TrainConfig

_RECIPE = "digits"
_PIXELS = 32  # at their own 8 x 8 the whole network takes 50 microseconds, and no early exit can save any of them


@command(example="eeinfer demo")
def demo(
    out: Annotated[Path, typer.Option(help="Folder for everything that the demo writes.")] = Path("demo"),
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Train again, even if the folder holds a trained one.")
    ] = False,
    debug: Debug = False,
) -> None:
    """Train on digits, export, measure: the whole way in three minutes.

    A second run goes on where the first stopped, and measures again.
    """
    from eeinfer.bench import bench_data, measure, render, write_files
    from eeinfer.training import RECIPES

    check_folder(out, "the demo")
    say("1/3 training a small network on handwritten digits, backbone first, then everything together")
    recipe = RECIPES[_RECIPE]()
    config = replace(recipe, data=replace(recipe.data, image_size=_PIXELS))
    checkpoint = _trained(config, out / "training", resume=not fresh)
    say("2/3 cutting it into one ONNX graph per exit and comparing them with torch")
    bundle = _exported(checkpoint, out / f"{_RECIPE}.eeb")
    say("3/3 measuring accuracy, latency and FLOPs at a hundred thresholds")
    images = bench_data(bundle)
    share_pool(bundle, None)
    with shown_progress() as progress:
        report = measure(bundle, images.images, images.labels, progress=progress, data=images.name)
    page = write_files(report, out / "report")["html"]
    print_table(render(report))
    say(f"\nthe report with plots: {page}")
    say(f"next: eeinfer inspect {bundle}")


def _trained(config: "TrainConfig", folder: Path, *, resume: bool) -> Path:
    """Go on with the demo's run; one of an older eeinfer, or a damaged one, is replaced."""
    from eeinfer.training import train

    with shown_progress() as progress:
        try:
            return train(config, folder, resume=resume, progress=progress)
        except CheckpointError as error:
            say(f"starting over: {error}")
            return train(config, folder, resume=False, progress=progress)


def _exported(checkpoint: Path, target: Path) -> Path:
    """Export, unless the bundle in place was made from this very checkpoint."""
    import hashlib

    from eeinfer.bundle.folder import Bundle
    from eeinfer.export import export_checkpoint

    try:
        origin = Bundle.open(target).manifest.provenance.get("checkpoint_sha256")
    except BundleError:
        origin = None
    if origin == hashlib.sha256(checkpoint.read_bytes()).hexdigest():
        return target
    return export_checkpoint(checkpoint, target, force=True, progress=tell)

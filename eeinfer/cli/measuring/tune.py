"""``eeinfer tune``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from eeinfer.cli.app import Debug, Json, command, say
from eeinfer.cli.bundles import BundleArgument, chosen_bundle
from eeinfer.cli.measuring.options import Data, Root
from eeinfer.cli.measuring.place import Force, kept_apart
from eeinfer.cli.progress import print_table, shown_progress
from eeinfer.errors import InputError
from eeinfer.files import check_folder
from eeinfer.machine import cache

if TYPE_CHECKING:
    from eeinfer.bench.tune.tune import Tuned
    from eeinfer.bundle.folder import Bundle


@command(example="eeinfer tune --rounds 2")
def tune(
    bundle: BundleArgument = None,
    data: Data = None,
    root: Root = None,
    rounds: Annotated[
        int | None, typer.Option(help="How often each setting takes its turns. Without it: what suits.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of a report: JSON, CSV, HTML. Without it: none.", show_default=False),
    ] = None,
    force: Force = False,
    json_output: Json = False,
    debug: Debug = False,
) -> None:
    """Find out how a bundle runs best on this machine, and keep that for every later run of it.

    Tries ONNX Runtime and, where it is installed, OpenVINO with several settings of threads against each other, and
    measures from when on it pays to take rows that left out of a batch. The quickest that answers alike is taken from
    then on. With --data the calls are made with your images and not with noise. The result lies in the machine's cache
    and not in the bundle; deleting it is safe.
    """
    from eeinfer.bench.data import given_images
    from eeinfer.bench.tune import TuneConfig, render_tuned, save_tuned
    from eeinfer.bench.tune import tune as find_out
    from eeinfer.bundle.folder import Bundle

    config = TuneConfig() if rounds is None else TuneConfig(rounds=rounds)
    path = chosen_bundle(bundle)
    folder = None if out is None else kept_apart(out, "tune", force=force)
    opened = Bundle.open(path)
    _check_kept(opened)
    images = None if data is None else given_images(path, data, root=root).images
    with shown_progress() as progress:
        tuned = find_out(path, config, progress, images=images)
    place = save_tuned(opened, tuned)
    if folder is not None:
        _write(tuned, folder)
    if json_output:
        facts = {"path": str(opened.path), **msgspec.to_builtins(tuned)}
        typer.echo(msgspec.json.format(msgspec.json.encode(facts), indent=2).decode())
    else:
        print_table(render_tuned(tuned, opened))
    say("not kept: EEINFER_CACHE is off" if place is None else f"kept for later runs: {place}")


def _write(tuned: "Tuned", folder: Path) -> None:
    from eeinfer.bench.reporting.files import write_all
    from eeinfer.bench.tune.page import tune_csv, tune_page

    files = write_all(
        folder,
        {
            "tune.json": lambda: msgspec.json.format(msgspec.json.encode(tuned), indent=2),
            "tune.csv": lambda: tune_csv(tuned).encode(),
            "tune.html": lambda: tune_page(tuned).encode(),
        },
    )
    say(f"report: {files['html']}, {files['json'].name}, {files['csv'].name}")


def _check_kept(bundle: "Bundle") -> None:
    """Refuse to measure for minutes what could not be kept afterwards, unless the user wants nothing kept."""
    from eeinfer.backends import chosen, profile

    hint = f"name another folder in {cache.VARIABLE}, or set it to {cache.OFF}"
    for kind, place in (
        (chosen.KIND, chosen.choice_path(bundle)),
        (profile.KIND, profile.profile_path(bundle, "any library")),
    ):
        if place is not None:
            check_folder(place.parent, f"the {kind}", hint)
        elif (obstacle := cache.obstacle(kind)) is not None:
            raise InputError(f"the {kind} cannot be kept: {obstacle}; {hint}")

"""``eeinfer tune``."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from eeinfer.cli.app import Debug, Json, command, say
from eeinfer.cli.bundles import BundleArgument, chosen_bundle
from eeinfer.cli.progress import print_table, shown_progress
from eeinfer.errors import InputError
from eeinfer.files import check_folder
from eeinfer.machine import cache


@command(example="eeinfer tune --rounds 2")
def tune(
    bundle: BundleArgument = None,
    rounds: Annotated[
        int | None, typer.Option(help="How often each setting takes its turns. Without it: what suits.")
    ] = None,
    json_output: Json = False,
    debug: Debug = False,
) -> None:
    """Find out how a bundle runs best on this machine, and keep that for every later run of it.

    Tries settings of threads against each other, and measures from when on it pays to take rows that left out of a
    batch. The result lies in the machine's cache and not in the bundle; deleting it is safe.
    """
    from eeinfer.backends.ort.profile import profile_path, save_profile
    from eeinfer.bench.tune import TuneConfig, render_profile
    from eeinfer.bench.tune import tune as find_out
    from eeinfer.bundle.folder import Bundle

    config = TuneConfig() if rounds is None else TuneConfig(rounds=rounds)
    path = chosen_bundle(bundle)
    opened = Bundle.open(path)
    _check_kept(profile_path(opened))
    with shown_progress() as progress:
        profile = find_out(path, config, progress)
    place = save_profile(opened, profile)
    if json_output:
        facts = {"path": str(opened.path), **msgspec.to_builtins(profile)}
        typer.echo(msgspec.json.format(msgspec.json.encode(facts), indent=2).decode())
    else:
        print_table(render_profile(profile, opened))
    say("not kept: EEINFER_CACHE is off" if place is None else f"kept for later runs: {place}")


def _check_kept(place: Path | None) -> None:
    """Refuse to measure for minutes what could not be kept afterwards, unless the user wants nothing kept."""
    from eeinfer.backends.ort.profile import KIND

    hint = f"name another folder in {cache.VARIABLE}, or set it to {cache.OFF}"
    if place is not None:
        check_folder(place.parent, "the profile", hint)
    elif (obstacle := cache.obstacle(KIND)) is not None:
        raise InputError(f"the profile cannot be kept: {obstacle}; {hint}")

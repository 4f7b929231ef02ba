"""``eeinfer optimise``."""

import json
from enum import Enum
from typing import Annotated

import typer

from eeinfer.cli.app import Debug, Json, command, say
from eeinfer.cli.bundles import BundleArgument, chosen_bundle


class Into(str, Enum):
    """Where the optimised form goes."""

    cache = "cache"
    bundle = "bundle"


@command(example="eeinfer optimise --into cache")
def optimise(
    bundle: BundleArgument = None,
    into: Annotated[
        Into,
        typer.Option(help="The cache of this machine, or the bundle itself, for all machines with such a processor."),
    ] = Into.cache,
    json_output: Json = False,
    debug: Debug = False,
) -> None:
    """Make the segments as ONNX Runtime computes them on this processor: the whole network optimised, then cut.

    Opening a bundle does so by itself where the cache can be written. In a bundle the form travels along, to servers
    and containers that write nothing. It holds for one version of ONNX Runtime and one set of vector instructions.
    """
    from eeinfer.backends.ort.optimised import target
    from eeinfer.bundle.folder import Bundle
    from eeinfer.errors import ConfigError
    from eeinfer.export.optimise.api import optimise as make

    opened = Bundle.open(chosen_bundle(bundle))
    place = make(opened, into.value)
    if place is None:
        raise ConfigError(f"another process is making this form of {opened.path}; ask again when it is done")
    made_for = target(opened)
    if json_output:
        facts = {
            "path": str(place),
            "bundle": str(opened.path),
            "library_version": made_for.library_version,
            "form": made_for.form,
        }
        typer.echo(json.dumps({**facts, "instruction_sets": made_for.instruction_sets}, indent=2))
        return
    say(f"for ONNX Runtime {made_for.library_version} on {made_for.instruction_sets}")
    typer.echo(place)

"""``eeinfer doctor``."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from eeinfer.cli.app import Debug, Json, command

if TYPE_CHECKING:
    from eeinfer.doctor import Diagnosis


@command(example="eeinfer doctor")
def doctor(json_output: Json = False, debug: Debug = False) -> None:
    """Say what is installed, which providers and devices work, and what to install for the rest.

    Exit status 1 means that the installation contradicts itself; something optional that is absent is no failure.
    """
    from eeinfer.doctor import examine

    diagnosis = examine()
    typer.echo(json.dumps(asdict(diagnosis), indent=2) if json_output else "\n".join(_lines(diagnosis)))
    if diagnosis.problems:
        raise typer.Exit(1)


def _lines(found: "Diagnosis") -> Iterator[str]:
    yield f"eeinfer {found.eeinfer}, Python {found.python}, {found.platform}, {found.cores} cores"
    yield "\noptional packages"
    for package in found.packages:
        yield f"  {package.name:<18}{package.version or '-':<20}[{package.extra}]"
    yield "\ndevices"
    for device in found.devices:
        yield f"  {device.library:<18}{device.name:<28}{device.problem or 'works'}"
    if not found.devices:
        yield "  none: neither onnxruntime nor torch is installed"
    yield "\nabilities"
    for ability in found.abilities:
        yield f"  {ability.name:<26}{'yes' if ability.works else f'no: {ability.fix}'}"
    for problem in found.problems:
        yield f"\nproblem: {problem}"

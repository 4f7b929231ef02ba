"""``eeinfer doctor``."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from eeinfer.cli.app import Debug, Json, command, show

if TYPE_CHECKING:
    from eeinfer.doctor.examine import Diagnosis


@command(example="eeinfer doctor")
def doctor(json_output: Json = False, debug: Debug = False) -> None:
    """Say what is installed, which providers and devices work, and what to install for the rest.

    Exit status 1 means that the installation contradicts itself; something optional that is absent is no failure.
    """
    from eeinfer.doctor.examine import examine

    diagnosis = examine()
    if json_output:
        typer.echo(json.dumps(asdict(diagnosis), indent=2))
    else:
        show("\n".join(_lines(diagnosis)))
    if diagnosis.problems:
        raise typer.Exit(1)


def _lines(found: "Diagnosis") -> Iterator[str]:
    yield f"eeinfer {found.eeinfer}, Python {found.python}, {found.platform}, {found.cores} cores"
    yield "\noptional packages"
    width = max(len(package.name) for package in found.packages) + 2
    for package in found.packages:
        yield f"  {package.name:<{width}}{package.version or '-':<20}[{package.extra}]"
    yield "\ndevices"
    for device in found.devices:
        yield f"  {device.library:<18}{device.name:<32}{device.problem or 'works'}"
    if not found.devices:
        yield "  none: neither onnxruntime nor torch is installed"
    yield "\nabilities"
    for ability in found.abilities:
        yield f"  {ability.name:<26}{'yes' if ability.works else f'no: {ability.fix}'}"
    yield '\nwith device="cpu"'
    taken = next((ability for ability in found.on_cpu if ability.works), None)
    for ability in found.on_cpu:
        state = f"no: {ability.fix}" if ability.fix is not None else "taken" if ability is taken else "works"
        yield f"  {ability.name:<25} {state}"
    if found.tuned:
        yield "\ntuned bundles"
    for tuned in found.tuned:
        yield f"  {tuned.bundle:<25} {tuned.taken}"
    yield from _gpu_lines(found)
    yield "\ncache of this machine"
    yield f"  {found.cache.folder}, {found.cache.bytes / 1e6:.1f} MB" if found.cache.folder else "  nothing is kept"
    for remark in found.remarks:
        yield f"\nnote: {remark}"
    for problem in found.problems:
        yield f"\nproblem: {problem}"


def _gpu_lines(found: "Diagnosis") -> Iterator[str]:
    """Which backend ``device="cuda"`` would take, and why not the others."""
    yield '\nwith device="cuda"'
    reasons = {ability.fix for ability in found.on_gpu}
    if len(reasons) == 1 and None not in reasons:
        yield f"  no: {reasons.pop()}"
        return
    for index, gpu in enumerate(found.driver.gpus):
        yield f"  cuda:{index:<20} {gpu.name}, compute capability {'.'.join(map(str, gpu.capability))}"
    taken = "taken"
    for ability in found.on_gpu:
        if ability.fix is not None:
            yield f"  {ability.name:<25} no: {ability.fix}"
        elif ability.name == "tensorrt":
            yield f"  {ability.name:<25} taken where a bundle has plans that fit: eeinfer export BUNDLE --trt"
        else:
            yield f"  {ability.name:<25} {taken}"
            taken = "works"

"""``eeinfer check``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eeinfer.cli.app import Debug, Json, command, say, show
from eeinfer.cli.bundles import BundleArgument, chosen_bundle
from eeinfer.errors import InputError

if TYPE_CHECKING:
    from eeinfer.engine import Engine
    from eeinfer.golden.compare import Comparison
    from eeinfer.golden.file import Golden


GoldenFile = Annotated[
    Path | None,
    typer.Option(
        help="What `eeinfer export --golden` recorded. Without it: NAME.golden.npz beside the bundle.",
        show_default=False,
    ),
]
Tolerance = Annotated[
    float | None,
    typer.Option(
        help="Largest error of a logit; 0 asks for the same bits. Without it: the bundle's own.", show_default=False
    ),
]
BackendName = Annotated[
    str | None,
    typer.Option(help="Such as onnxruntime. Without it: the best one on the device.", show_default=False),
]


@command(example="eeinfer check")
def check(
    bundle: BundleArgument = None,
    golden: GoldenFile = None,
    tolerance: Tolerance = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or cuda:1.")] = "cpu",
    backend: BackendName = None,
    json_output: Json = False,
    debug: Debug = False,
) -> None:
    """Open a bundle, its hashes included, run every segment, and compare each exit with recorded answers.

    A golden file comes from another machine, another version or another language. Where there is none, nothing is
    compared. The exit status is 1 where an answer differs by more than the tolerance.
    """
    import eeinfer
    from eeinfer.golden.compare import compare
    from eeinfer.golden.file import golden_path, read_golden

    if tolerance is not None and not tolerance >= 0:
        raise InputError(f"--tolerance is {tolerance}; give 0 or more")
    path = chosen_bundle(bundle)
    with eeinfer.load(path, device=device, backend=backend) as engine:
        file = golden if golden is not None else golden_path(path)
        if golden is None and not file.exists():
            _opened(engine, file, json_output=json_output)
            return
        recorded = read_golden(file, engine.manifest, engine.bundle.fingerprint)
        allowed = engine.manifest.parity.tolerance if tolerance is None else tolerance
        found = compare(engine, recorded, tolerance=allowed)
        if json_output:
            typer.echo(json.dumps({**_facts(engine), **_result(found, recorded, file)}, indent=2))
        else:
            for line in _lines(engine, found, recorded):
                show(line)
    for difference in found.differences:
        say(f"differs: {difference}")
    if found.differences:
        raise typer.Exit(1)


def _opened(engine: "Engine", missing: Path, *, json_output: bool) -> None:
    if json_output:
        typer.echo(json.dumps({**_facts(engine), "golden": None}, indent=2))
    else:
        show(_heading(engine))
    say(f"nothing was compared: there is no {missing}; record one with: eeinfer export {engine.bundle.path} --golden")


def _heading(engine: "Engine") -> str:
    exits = len(engine.manifest.segments)
    return f"{engine.manifest.name}: hashes ok, {exits} segments run with {engine.backend} on {engine.device}"


def _lines(engine: "Engine", found: "Comparison", golden: "Golden") -> list[str]:
    made = ", ".join(f"{name} {value}" for name, value in golden.made_with.items())
    moved = f"{len(found.moved)} rows leave elsewhere" if found.moved else "every row leaves where it left"
    return [
        _heading(engine),
        f"{found.rows} rows recorded with {made}",
        *(
            f"exit {k}: max error {exit.logit_error:.1e}, score {exit.score_error:.1e}, predictions "
            f"{f'differ in {exit.predictions} rows' if exit.predictions else 'equal'}"
            for k, exit in enumerate(found.exits)
        ),
        f"cascade: {moved}, together and one by one; tolerance {found.tolerance:g}",
    ]


def _facts(engine: "Engine") -> dict[str, Any]:  # JSON
    return {
        "bundle": str(engine.bundle.path),
        "backend": engine.backend,
        "device": engine.device,
        "optimised": engine.optimised,
    }


def _result(found: "Comparison", golden: "Golden", file: Path) -> dict[str, Any]:  # JSON
    from dataclasses import asdict

    made_with = dict(golden.made_with)
    return {"golden": str(file), "made_with": made_with, **asdict(found), "differences": found.differences}

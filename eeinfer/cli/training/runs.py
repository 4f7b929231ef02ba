"""``eeinfer runs``."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eeinfer.cli.app import Debug, Json, command, say
from eeinfer.cli.progress import print_table, shown_progress

if TYPE_CHECKING:
    from rich.table import Table

    from eeinfer.bench.reporting.formats import FlopsUnit
    from eeinfer.training.runs.listing import Run

Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Where runs lie, up to two levels below.")]


@command(example="eeinfer runs runs")
def runs(folder: Folder = Path("runs"), json_output: Json = False, debug: Debug = False) -> None:
    """List training runs side by side: regime, accuracy and FLOPs of every exit, time.

    Runs that differ in their seed alone get a row with the mean and the deviation over them.
    """
    from dataclasses import asdict

    from eeinfer.training.runs.listing import list_runs

    with shown_progress() as progress:
        found = list_runs(folder, progress)
    if json_output:
        typer.echo(json.dumps([asdict(run) for run in found], indent=2))
        return
    print_table(_table(found))
    for run in found:
        if run.problem is not None:
            say(f"{run.folder}: {run.problem}")


def _table(found: "Sequence[Run]") -> "Table":
    from eeinfer.bench.reporting.formats import FlopsUnit
    from eeinfer.bench.reporting.table import plain_table

    unit = FlopsUnit(max((max(run.flops) for run in found if run.flops), default=1))
    table = plain_table(
        "run", "regime", "data", "backbone", "method", "seed", "accuracy of every exit %", unit.name, "epochs", "time"
    )
    for run in found:
        table.add_row(*_row(run, unit))
    for group in _groups(found):
        table.add_row(*_band(group, unit), style="bold")
    return table


def _row(run: "Run", unit: "FlopsUnit") -> list[str]:
    about = [run.regime, run.data, run.backbone, run.method, None if run.seed is None else str(run.seed)]
    accuracy = run.state if run.accuracy is None else " ".join(f"{100 * share:.1f}" for share in run.accuracy)
    return [run.folder, *(text or "-" for text in about), accuracy, _flops(run, unit), str(run.epochs), _time(run)]


def _flops(run: "Run", unit: "FlopsUnit") -> str:
    return "-" if run.flops is None else " ".join(unit.text(cost) for cost in run.flops)


def _time(run: "Run") -> str:
    minutes, seconds = divmod(round(run.seconds), 60)
    return f"{minutes}:{seconds:02d}"


def _groups(found: "Sequence[Run]") -> "list[list[Run]]":
    groups: dict[str, list[Run]] = {}
    for run in found:
        if run.accuracy is not None and run.group:
            groups.setdefault(run.group, []).append(run)
    return [group for group in groups.values() if len({run.seed for run in group}) > 1]


def _band(group: "Sequence[Run]", unit: "FlopsUnit") -> list[str]:
    import numpy as np

    accuracy = 100 * np.array([run.accuracy for run in group])
    spread = zip(accuracy.mean(axis=0), accuracy.std(axis=0, ddof=1), strict=True)
    first, bands = group[0], " ".join(f"{mean:.1f}±{deviation:.1f}" for mean, deviation in spread)
    about = (first.regime or "-", first.data or "-", first.backbone or "-", first.method or "-")
    return [f"mean of {len(group)} seeds", *about, "", bands, _flops(first, unit), "", ""]

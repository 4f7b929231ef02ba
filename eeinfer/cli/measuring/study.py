"""``eeinfer study``."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from eeinfer.cli.app import Debug, Json, command, say, show
from eeinfer.cli.failure import fail
from eeinfer.cli.measuring.standing import watching
from eeinfer.cli.progress import print_table, shown_progress

if TYPE_CHECKING:
    from eeinfer.bench.study.places import Places
    from eeinfer.bench.study.runs import Study
    from eeinfer.bench.study.work.processes import Pool


@command(example="eeinfer study frequency --show")
def study(
    name: Annotated[
        str, typer.Argument(metavar="NAME|FILE.toml", help="A study by name, or your own. Without it: the names.")
    ] = "",
    size: Annotated[str, typer.Option(metavar="small|paper", help="Of a study by name; paper wants a GPU.")] = "small",
    seeds: Annotated[
        int | None, typer.Option(help="How many. Without it: the study's own.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of records, results and work, shared by all studies.")] = Path(
        "runs/study"
    ),
    workers: Annotated[int, typer.Option(min=1, help="Runs at once, each in a process of its own.")] = 1,
    plan_only: Annotated[bool, typer.Option("--show", help="Print the runs and how long they take, and stop.")] = False,
    retime: Annotated[
        bool, typer.Option("--retime", help="Time finished runs again, with nothing beside them, and stop.")
    ] = False,
    analyses: Annotated[
        bool,
        typer.Option(
            "--analyses/--no-analyses", help="Look at every network: rank, information, loss landscape, overthinking."
        ),
    ] = True,
    ray: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="Run on this Ray cluster; 'local' starts one here.", show_default=False),
    ] = None,
    json_output: Json = False,
    debug: Debug = False,
) -> None:
    """Compare training regimes, placements, heads or methods: many runs, their tables and curves.

    Each run is trained, exported, measured and looked at. Interrupted at any moment, the same command goes on. Results
    are in OUT/NAME, finished runs in OUT/records.
    """
    from eeinfer.bench.study import study as studies
    from eeinfer.bench.study.places import Places
    from eeinfer.bench.study.plans.named import STUDIES

    if not name:
        show("\n".join(f"{key:<18}{question}" for key, (_, question, *_) in STUDIES.items()))
        return
    found, places = replace(studies.find_study(name, size, seeds), analyses=analyses), Places(out)
    if plan_only:
        _show_plan(found, places, workers)
        return
    if retime:
        _retime(found, places, json_output)
        return
    with _pool(ray, places) as pool, watching(found) as watch:
        standing = studies.run_study(found, places, watch=watch, workers=workers, pool=pool)
    _show_results(found, places, json_output)
    if standing.failed:
        fail(f"{len(standing.failed)} of {len(standing.jobs)} jobs failed; the same command tries them again")


@contextmanager
def _pool(ray: str | None, places: "Places") -> "Iterator[Pool | None]":
    if ray is None:
        yield None
        return
    from eeinfer.bench.study.work.cluster import on_ray

    with on_ray(ray, places) as pool:
        yield pool


def _retime(found: "Study", places: "Places", as_json: bool) -> None:
    from eeinfer.bench.study import study as studies

    with shown_progress() as progress:
        count = studies.time_study(found, places, progress)
    say(f"{count} runs were timed again; those without a checkpoint here, or timed so before, keep their times")
    _show_results(found, places, as_json)


def _show_plan(found: "Study", places: "Places", workers: int) -> None:
    """Print every run with what it is and what of it is left."""
    from eeinfer.bench.study import study as studies
    from eeinfer.cli.measuring.standing import plan_table

    with shown_progress() as progress:
        estimate = studies.time_left(found, places, progress)
    print_table(plan_table(found, estimate))
    hours = estimate.total(workers) / 3600
    say(f"about {hours:.1f} hours with --workers {workers} on this machine, if no phase stops early: {found.question}")


def _show_results(found: "Study", places: "Places", as_json: bool) -> None:
    from eeinfer.bench.study import study as studies
    from eeinfer.bench.study.results.files import tables_of
    from eeinfer.bench.study.results.formats import rendered

    results = studies.results(found, places)
    if as_json:
        typer.echo(results.to_json())
        return
    for table in tables_of(results)[:2]:
        print_table(rendered(table))
    if found.analyses and (count := studies.not_looked_at(found, places)):
        say(f"{count} finished runs go without analyses: their weights are not in {places.work}")
    say(f"all tables and curves are in {places.results(found.name)}")

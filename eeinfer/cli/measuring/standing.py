"""How far a study is: a table that lives at a terminal, a line for each change in a log."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from eeinfer.cli.app import say

if TYPE_CHECKING:
    from rich.table import Table

    from eeinfer.bench.study.check import Estimate
    from eeinfer.bench.study.runs import Study
    from eeinfer.bench.study.work.carrying_out import Standing, Watch

_REDRAW_S = 0.5


@contextmanager
def watching(found: "Study") -> "Iterator[Watch]":
    """Yield what is told how far the study is."""
    names = _names(found)
    if not sys.stderr.isatty():
        yield _logged(names)
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), auto_refresh=False, transient=True) as live:
        drawn = 0.0

        def draw(standing: "Standing") -> None:
            nonlocal drawn
            if monotonic() - drawn > _REDRAW_S:
                drawn = monotonic()
                live.update(_table(standing, names), refresh=True)

        yield draw


def plan_table(found: "Study", estimate: "Estimate") -> "Table":
    """Return every run of a study with its key, what is left of it, and of the look at its network."""
    from eeinfer.bench.reporting.table import plain_table
    from eeinfer.bench.study.analyses.plan import analyses_of

    factors = [*dict.fromkeys(name for run in found.runs for name in run.labels)]
    table = plain_table("run", *factors, "seed", "time", "analysis")
    analyses = {each.run: each.key for each in analyses_of(found.runs)}
    for run in found.runs:
        seconds, looking = estimate.seconds.get(run.key), estimate.seconds.get(analyses[run.key])
        labels = [run.labels.get(name, "") for name in factors]
        time = "done" if seconds is None else f"{_minutes(seconds)}{' after phase 1' if run.phase1 else ''}"
        analysis = "-" if looking is None else _minutes(looking)
        table.add_row(run.key, *labels, str(run.config.seed), time, analysis)
    return table


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.1f} min"


def _names(found: "Study") -> dict[str, str]:
    """What each job is called: a run by the first place it has, a shared phase 1 by who needs it."""
    from eeinfer.bench.study.analyses.plan import analyses_of
    from eeinfer.bench.study.runs import key_of

    names: dict[str, str] = {}
    for run in found.runs:
        names.setdefault(run.key, f"{', '.join(run.labels.values())}, seed {run.config.seed}")
        if run.phase1 is not None:
            names.setdefault(key_of(run.phase1), f"phase 1 of {names[run.key]}")
    return names | {each.key: f"analysis of {names[each.run]}" for each in analyses_of(found.runs)}


def _logged(names: dict[str, str]) -> "Watch":
    """A line for every job that begins, ends or fails."""
    told: set[tuple[str, str]] = set()

    def tell(standing: "Standing") -> None:
        for state, keys in (("done", standing.done), ("begun", standing.running), ("failed", standing.failed)):
            for key in (key for key in keys if (state, key) not in told):
                told.add((state, key))
                why = f": {standing.failed[key]}" if state == "failed" else ""
                say(f"{len(standing.done)} of {len(standing.jobs)} done; {state}: {names.get(key, key)}{why}")

    return tell


def _table(standing: "Standing", names: dict[str, str]) -> "Table":
    from eeinfer.bench.reporting.table import plain_table

    left = len(standing.jobs) - len(standing.done) - len(standing.failed) - len(standing.running)
    table = plain_table("run", "at", title=f"{len(standing.done)} done, {len(standing.failed)} failed, {left} waiting")
    for key, moved in standing.running.items():
        at = "starting" if moved is None else f"{moved.doing} {100 * moved.done // max(moved.planned, 1)} %"
        table.add_row(names.get(key, key), at)
    for key, why in standing.failed.items():
        table.add_row(names.get(key, key), f"failed: {why}")
    return table

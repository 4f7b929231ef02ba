"""Carrying out a study: jobs in order, several at once, a failure reported and the rest going on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from eeinfer.bench.study.places import Places
from eeinfer.bench.study.runs import Run
from eeinfer.bench.study.work.analysing import analysis_jobs
from eeinfer.bench.study.work.jobs import Job, jobs_for
from eeinfer.bench.study.work.messages import Finished, Moved
from eeinfer.bench.study.work.processes import Event, Pool
from eeinfer.errors import InputError
from eeinfer.files import check_folder
from eeinfer.machine.locks import locked


@dataclass(kw_only=True)
class Standing:
    """How far a study is: what every job is at, changed in place."""

    jobs: tuple[Job, ...]
    done: set[str] = field(default_factory=set)
    running: dict[str, Moved | None] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)  # key -> why

    def ready(self) -> Job | None:
        """Return the next job that can begin."""
        over = {*self.done, *self.running, *self.failed}
        return next((job for job in self.jobs if job.key not in over and self.done.issuperset(job.needs)), None)

    def hear(self, event: Event) -> None:
        """Take in what a job says; those that needed one that failed fail with it."""
        if isinstance(event.message, Moved):
            self.running[event.key] = event.message
            return
        del self.running[event.key]
        if isinstance(event.message, Finished):
            self.done.add(event.key)
            return
        self._fail(event.key, event.message.reason)

    def _fail(self, key: str, reason: str) -> None:
        self.failed[key] = reason
        tasks = {job.key: job.task for job in self.jobs}
        for job in self.jobs:
            if key in job.needs and job.key not in self.failed:
                self._fail(job.key, f"its {tasks[key] if job.task != tasks[key] else 'reference'} failed: {reason}")


Watch: TypeAlias = Callable[[Standing], None]


def carry_out(
    runs: Sequence[Run], places: Places, pool: Pool, workers: int, watch: Watch, *, analyses: bool = False
) -> Standing:
    """Make every run that has no record yet, and then every analysis.

    Whenever this ends, by an error, by Ctrl-C or by force, the same call goes on from there.

    Args:
        runs: of one study or of several.
        places: where they are kept.
        pool: where jobs run.
        workers: jobs at once.
        watch: told whenever something moved.
        analyses: whether the runs' networks are looked at.

    Raises:
        InputError: the folder cannot be written, holds damaged records, or another study is being made in it.
    """
    standing = standing_of(runs, places, analyses=analyses)
    check_folder(places.work, "the study")
    places.work.mkdir(parents=True, exist_ok=True)
    with locked(places.work / ".lock", wait_s=2) as mine:
        if not mine:
            raise InputError(f"another study is being made in {places.out}: wait for it, or choose another --out")
        try:
            _loop(standing, pool, workers, watch)
        finally:
            pool.stop()
    return standing


def standing_of(runs: Sequence[Run], places: Places, *, analyses: bool = False) -> Standing:
    """Return what there is to do for `runs`, finished ones counted as done, analyses last and only those to be made.

    Raises:
        InputError: a record is damaged.
    """
    finished = places.finished(run.key for run in runs)
    needed = tuple(run for run in runs if run.key not in finished)
    jobs = jobs_for(tuple(runs))
    due = {job.key for job in jobs_for(needed)}
    done = {job.key for job in jobs if job.key not in due}
    looks = analysis_jobs(runs, places, due) if analyses else ()
    return Standing(jobs=(*jobs, *looks), done=done)


def _loop(standing: Standing, pool: Pool, workers: int, watch: Watch) -> None:
    watch(standing)
    while True:
        while len(standing.running) < workers and (job := standing.ready()) is not None:
            standing.running[job.key] = None
            pool.start(job)
            watch(standing)
        if not standing.running:
            return
        standing.hear(pool.next())
        watch(standing)

"""What is to be done for a study: a job for each run, one for each phase 1 that runs share, one for each analysis."""

import shutil
from pathlib import Path
from time import perf_counter

import msgspec

from eeinfer.bench.study.analyses.made import analysed
from eeinfer.bench.study.analyses.plan import PLAN, Analysed
from eeinfer.bench.study.places import Places
from eeinfer.bench.study.runs import Run, key_of
from eeinfer.bench.study.work.measured import measured, timed_again
from eeinfer.files import replace_file
from eeinfer.progress import Progress
from eeinfer.training import TrainConfig, train
from eeinfer.training.runs.checkpoint import CHECKPOINT_NAME
from eeinfer.training.runs.shared import start_behind_phase1

PHASE_1, RUN, ANALYSIS = "phase 1", "run", "analysis"


class Job(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that one process does."""

    key: str
    config: TrainConfig
    task: str = RUN  # a phase 1 ends with a checkpoint, a run with a record too, an analysis with a record of its own
    needs: tuple[str, ...] = ()  # keys of the jobs that come before it
    analysed: Analysed | None = None  # of an analysis
    noise: str | None = None  # key of the analysis that an analysis takes the noise from; None chooses it


def jobs_for(runs: tuple[Run, ...]) -> tuple[Job, ...]:
    """Return the jobs of `runs`, each once, those that others need right before the first of them."""
    jobs: dict[str, Job] = {}
    for run in runs:
        needs: tuple[str, ...] = ()
        if (shared := run.phase1) is not None:
            key = key_of(shared)
            jobs.setdefault(key, Job(key=key, config=shared, task=PHASE_1))
            needs = (key,)
        jobs.setdefault(run.key, Job(key=run.key, config=run.config, needs=needs))
    return tuple(jobs.values())


def do(job: Job, places: Places, progress: Progress) -> None:
    """Train, export and measure, or analyse; whatever of it was done before is not done again.

    Raises:
        EeinferError: the settings, the data, the disk or the network do not allow it; the message says what to do.
    """
    if job.analysed is not None:
        _analyse(job, job.analysed, places, progress)
    else:
        _train(job, places, progress)


def _train(job: Job, places: Places, progress: Progress) -> None:
    began, folder = perf_counter(), places.folder(job.key)
    for phase1 in job.needs:
        start_behind_phase1(job.config, places.folder(phase1) / CHECKPOINT_NAME, folder)
    checkpoint = train(job.config, folder, progress=progress)
    if job.task == RUN:
        record = measured(checkpoint, job.config, perf_counter() - began, progress)
        places.records.mkdir(parents=True, exist_ok=True)
        replace_file(places.record(job.key), record.to_json())
        _drop_bundle(checkpoint)


def _analyse(job: Job, what: Analysed, places: Places, progress: Progress) -> None:
    reference = None if job.noise is None else places.read_analysis(job.noise)
    checkpoint = places.folder(what.run) / CHECKPOINT_NAME
    record = analysed(what, checkpoint, job.config, PLAN, reference=reference, progress=progress)
    places.analyses.mkdir(parents=True, exist_ok=True)
    replace_file(places.analysis(job.key), record.to_json())


def time_again(run: Run, places: Places, progress: Progress) -> bool:
    """Take the times of a finished run again; False where it is not finished, its weights are gone, or that was done.

    Raises:
        EeinferError: its checkpoint is damaged, its data are missing, or its record cannot be written.
    """
    record, checkpoint = places.read(run.key), places.folder(run.key) / CHECKPOINT_NAME
    if record is None or record.times.alone or not checkpoint.exists():
        return False
    record = timed_again(record, checkpoint, run.config.data.root, progress)
    replace_file(places.record(run.key), record.to_json())
    _drop_bundle(checkpoint)
    return True


def _drop_bundle(checkpoint: Path) -> None:
    """A bundle is made from its checkpoint within seconds; a study has hundreds."""
    shutil.rmtree(checkpoint.with_suffix(".eeb"), ignore_errors=True)

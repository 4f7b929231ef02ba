"""What is to be done for a study: a job for each run that is not finished, and one for each phase 1 they share."""

import shutil
from pathlib import Path
from time import perf_counter

import msgspec

from eeinfer.bench.study.places import Places
from eeinfer.bench.study.runs import Run, key_of
from eeinfer.bench.study.work.measured import measured, timed_again
from eeinfer.files import replace_file
from eeinfer.progress import Progress
from eeinfer.training import TrainConfig, train
from eeinfer.training.runs.checkpoint import CHECKPOINT_NAME
from eeinfer.training.runs.shared import start_behind_phase1


class Job(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that one process does."""

    key: str
    config: TrainConfig
    needs: str | None = None  # key of the job that trains its phase 1
    records: bool = True  # whether it ends with a record; a phase 1 alone ends with a checkpoint


def jobs_for(runs: tuple[Run, ...]) -> tuple[Job, ...]:
    """Return the jobs of `runs`, each once, those that others need right before the first of them."""
    jobs: dict[str, Job] = {}
    for run in runs:
        shared = run.phase1
        needs = None if shared is None else key_of(shared)
        if shared is not None and needs is not None and needs not in jobs:
            jobs[needs] = Job(key=needs, config=shared, records=False)
        jobs.setdefault(run.key, Job(key=run.key, config=run.config, needs=needs))
    return tuple(jobs.values())


def do(job: Job, places: Places, progress: Progress) -> None:
    """Train, and export and measure where a record is due; whatever of it was done before is not done again.

    Raises:
        EeinferError: the settings, the data, the disk or the network do not allow it; the message says what to do.
    """
    began, folder = perf_counter(), places.folder(job.key)
    if job.needs is not None:
        start_behind_phase1(job.config, places.folder(job.needs) / CHECKPOINT_NAME, folder)
    checkpoint = train(job.config, folder, progress=progress)
    if job.records:
        record = measured(checkpoint, job.config, perf_counter() - began, progress)
        places.records.mkdir(parents=True, exist_ok=True)
        replace_file(places.record(job.key), record.to_json())
        _drop_bundle(checkpoint)


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

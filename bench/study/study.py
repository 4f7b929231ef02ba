"""A study from beginning to end: checked, carried out, its results written."""

from pathlib import Path

from eeinfer.bench.study.analyses.plan import analyses_of
from eeinfer.bench.study.check import Estimate, check, estimate
from eeinfer.bench.study.places import Places
from eeinfer.bench.study.plans.given import given_study
from eeinfer.bench.study.plans.named import STUDIES, named_study
from eeinfer.bench.study.results.files import write_results
from eeinfer.bench.study.results.results import results_of
from eeinfer.bench.study.results.shapes import Results
from eeinfer.bench.study.runs import Study
from eeinfer.bench.study.work.carrying_out import Standing, Watch, carry_out, standing_of
from eeinfer.bench.study.work.jobs import Job, time_again
from eeinfer.bench.study.work.processes import Pool, Processes
from eeinfer.errors import ConfigError, unknown
from eeinfer.files import check_folder
from eeinfer.progress import Progress, silent


def find_study(name: str, size: str = "small", seeds: int | None = None) -> Study:
    """Return the study of a name of STUDIES, or in the TOML file at that path.

    Raises:
        ConfigError: neither, or a mistake in the file; DataError: its data set is missing.
    """
    if name.endswith(".toml"):
        return given_study(Path(name), seeds)
    if name not in STUDIES:
        raise ConfigError(unknown("study", name, STUDIES, "or give a file that ends in .toml"))
    return named_study(name, size, seeds)


def left(study: Study, places: Places) -> tuple[Job, ...]:
    """Return the jobs of a study that are still to be done.

    Raises:
        InputError: a record is damaged.
    """
    standing = standing_of(study.runs, places, analyses=study.analyses)
    return tuple(job for job in standing.jobs if job.key not in standing.done)


def time_left(study: Study, places: Places, progress: Progress = silent) -> Estimate:
    """Estimate what is still to be done, from a few steps of each network on this machine, told to `progress`.

    Raises:
        ConfigError: a network does not fit; DataError: a data set is missing; InputError: a record is damaged.
    """
    return estimate(left(study, places), progress)


def run_study(study: Study, places: Places, *, watch: Watch, workers: int = 1, pool: Pool | None = None) -> Standing:
    """Check every network, make the runs that are missing, and write the results of all there are.

    Results are written whenever this ends, by Ctrl-C too; the same call goes on from there.

    Args:
        study: what to do.
        places: where.
        watch: told whenever something moved.
        workers: jobs at once.
        pool: where jobs run; None takes processes of this machine.

    Raises:
        ConfigError: a network does not fit; DataError: a data set is missing; InputError: the folder cannot be
            written, holds a damaged record, or is in use.
    """
    check_folder(places.results(study.name), "the study")
    check(left(study, places))
    try:
        return carry_out(study.runs, places, pool or Processes(places), workers, watch, analyses=study.analyses)
    finally:
        write_results(results(study, places), places.results(study.name))


def time_study(study: Study, places: Places, progress: Progress) -> int:
    """Take the times of all finished runs again, one after the other, and return of how many; then write the results.

    While a study trains, runs are timed beside one another. Interrupted, the same call goes on with the next run.

    Raises:
        EeinferError: a record or a checkpoint is damaged, data are missing, or the folder cannot be written.
    """
    count = 0
    for number, run in enumerate(study.runs):
        progress("runs timed again", number, len(study.runs))
        count += time_again(run, places, silent)
    write_results(results(study, places), places.results(study.name))
    return count


def not_looked_at(study: Study, places: Places) -> int:
    """Return how many finished runs have no analysis.

    Raises:
        InputError: a record is damaged.
    """
    finished = places.finished(run.key for run in study.runs)
    return sum(each.run in finished and places.read_analysis(each.key) is None for each in analyses_of(study.runs))


def results(study: Study, places: Places) -> Results:
    """Return the results of a study as far as it is.

    Raises:
        InputError: a record is damaged.
    """
    looked = {each.run: places.read_analysis(each.key) for each in analyses_of(study.runs)}
    analyses = {run: record for run, record in looked.items() if record is not None}
    return results_of(study, places.finished(run.key for run in study.runs), analyses)

"""Which analyses of a study can be made: of networks whose weights are here, or will be."""

from collections.abc import Collection, Mapping, Sequence

from eeinfer.bench.study.analyses.plan import Analysed, analyses_of
from eeinfer.bench.study.places import Places
from eeinfer.bench.study.runs import Run
from eeinfer.bench.study.work.jobs import ANALYSIS, Job
from eeinfer.training import TrainConfig
from eeinfer.training.runs.checkpoint import CHECKPOINT_NAME


def analysis_jobs(runs: Sequence[Run], places: Places, due: Collection[str]) -> tuple[Job, ...]:
    """Return a job for every analysis that has no record yet and can be made.

    Nothing is trained again for an analysis: a finished run whose weights are gone goes without. The noise is chosen by
    the reference; where that one can be looked at neither now nor before, those that depend on it go without too.

    Args:
        runs: of a study.
        places: where they are kept.
        due: keys of the runs that are to be made.

    Raises:
        InputError: the record of an analysis is damaged.
    """
    config = {run.key: run.config for run in runs}
    every = {each.run: each for each in analyses_of(runs)}
    made = {each.key for each in every.values() if places.read_analysis(each.key) is not None}
    able = [each for each in every.values() if each.key not in made and _has_weights(each, places, due)]
    known = made | {each.key for each in able if each.run == each.reference}
    return tuple(
        _job(each, config, every[each.reference], made, due) for each in able if every[each.reference].key in known
    )


def _has_weights(each: Analysed, places: Places, due: Collection[str]) -> bool:
    return each.run in due or (places.folder(each.run) / CHECKPOINT_NAME).exists()


def _job(
    each: Analysed, config: Mapping[str, TrainConfig], reference: Analysed, made: Collection[str], due: Collection[str]
) -> Job:
    own = each is reference
    needs = [each.run] if each.run in due else []
    if not own and reference.key not in made:
        needs.append(reference.key)
    return Job(
        key=each.key,
        config=config[each.run],
        task=ANALYSIS,
        needs=tuple(needs),
        analysed=each,
        noise=None if own else reference.key,
    )

"""From a plan and the records of its finished runs to its results."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eeinfer.bench.study.analyses.records import AnalysisRecord
from eeinfer.bench.study.records import Point, RunRecord, StudyPlan
from eeinfer.bench.study.results.budgets import COSTS, RULES, row_of
from eeinfer.bench.study.results.differences import differences_between
from eeinfer.bench.study.results.groups import Group, groups_of, line_of
from eeinfer.bench.study.results.networks import networks_of
from eeinfer.bench.study.results.paper import theirs_for
from eeinfer.bench.study.results.shapes import Effort, Results
from eeinfer.bench.study.runs import Run, Study, key_of


def plan_of(study: Study) -> StudyPlan:
    """Return which runs a study has, as it is written beside its results."""
    return StudyPlan(
        name=study.name,
        size=study.size,
        question=study.question,
        shows=study.shows,
        factors=tuple(dict.fromkeys(name for run in study.runs for name in run.labels)),
        points=tuple(Point(labels=run.labels, seed=run.config.seed, key=run.key) for run in study.runs),
    )


def results_of(
    study: Study, records: Mapping[str, RunRecord], analyses: Mapping[str, AnalysisRecord] | None = None
) -> Results:
    """Put together what the finished runs of `study` and the analyses of their networks say; both by runs' keys."""
    plan = plan_of(study)
    groups = groups_of(plan, records)
    rows = [row for rule in RULES for cost in COSTS for group in groups if (row := row_of(group, rule, cost))]
    made = [record for group in groups for record in group.records]
    seconds, flops = _totals(study.runs, records)
    return Results(
        plan=plan,
        missing=tuple(dict.fromkeys(point.key for point in plan.points if point.key not in records)),
        rows=tuple(rows),
        lines=tuple(map(line_of, groups)),
        differences=tuple(d for rule in RULES for cost in COSTS for d in differences_between(groups, rule, cost)),
        efforts=tuple(effort for group in groups for effort in _efforts(group)),
        theirs=theirs_for(study.name),
        settings=_shared_settings(made),
        train_images=tuple(sorted({record.train_images for record in made})),
        test_images=tuple(sorted({record.test.images for record in made})),
        networks=networks_of(groups, analyses or {}),
        train_seconds=seconds,
        train_flops=flops,
        processors=tuple(sorted({record.times.environment.cpu for record in made})),
        timed_alone=all(record.times.alone for record in made),
    )


def _shared_settings(records: Sequence[RunRecord]) -> dict[str, Any]:
    """Return the settings in which all records agree."""
    first = records[0].settings if records else {}
    return {
        name: value for name, value in first.items() if all(record.settings.get(name) == value for record in records)
    }


def _efforts(group: Group) -> list[Effort]:
    """What each phase of a group took, mean over seeds."""
    return [
        Effort(
            labels=group.labels,
            phases=group.first.phases,
            phase=costs[0].phase,
            epochs=float(np.mean([cost.epochs for cost in costs])),
            seconds=float(np.mean([cost.seconds for cost in costs])),
            flops=float(np.mean([cost.flops for cost in costs])),
            shared=costs[0].shared,
        )
        for costs in zip(*(record.costs for record in group.records), strict=True)
    ]


def _totals(runs: Sequence[Run], records: Mapping[str, RunRecord]) -> tuple[float, float]:
    """Seconds and FLOPs of training, a phase 1 that runs share counted once."""
    spent: dict[object, tuple[float, float]] = {}
    for run in runs:
        shared = run.phase1
        for number, cost in enumerate(records[run.key].costs if run.key in records else ()):
            owner = key_of(shared) if cost.shared and shared is not None else (run.key, number)
            spent[owner] = cost.seconds, cost.flops
    return sum(seconds for seconds, _ in spent.values()), sum(flops for _, flops in spent.values())

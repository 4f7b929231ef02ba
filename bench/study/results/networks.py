"""What the analyses of a group's runs say, mean over seeds."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from eeinfer.bench.study.analyses.records import AnalysisRecord
from eeinfer.bench.study.results.groups import Group, mean_of
from eeinfer.bench.study.results.shapes import LayerFacts, Mean, NetworkFacts, PlaneFacts
from eeinfer.training.analysis.landscape import Landscape

NEAR = 0.4  # of the plane, in lengths of the weights' filters


def networks_of(groups: Sequence[Group], analyses: Mapping[str, AnalysisRecord]) -> tuple[NetworkFacts, ...]:
    """Return what was found in each group of which at least one network was looked at; `analyses` by runs' keys."""
    return tuple(_of_group(group, analyses) for group in groups if _found(group, analyses))


def _found(group: Group, analyses: Mapping[str, AnalysisRecord]) -> dict[int, AnalysisRecord]:
    """By seed."""
    pairs = zip(group.seeds, group.records, strict=True)
    return {seed: analyses[record.key] for seed, record in pairs if record.key in analyses}


def _of_group(group: Group, analyses: Mapping[str, AnalysisRecord]) -> NetworkFacts:
    by_seed = _found(group, analyses)
    every = [*by_seed.values()]
    first = every[0]

    def mean(of: Callable[[AnalysisRecord], float]) -> Mean:
        return mean_of(np.array([of(each) for each in every]))

    return NetworkFacts(
        labels=group.labels,
        phases=group.first.phases,
        seeds=tuple(by_seed),
        images={
            "rank": first.plan.rank_images,
            "information": first.plan.information_images,
            "landscape": first.plan.plane_images,
            "overthinking": first.plan.overthinking_images,
        },
        layers=tuple(_layer(every, place) for place in range(len(first.rank))),
        exits=group.first.modules[:-1],
        spoiled=_means([[line[-1] for line in each.overthinking.spoiled[:-1]] for each in every]),
        destructive=mean(lambda each: each.overthinking.destructive),
        wasteful=mean(lambda each: each.overthinking.wasteful),
        oracle=mean(lambda each: each.overthinking.oracle),
        plane=PlaneFacts(
            coordinates=first.landscape.coordinates, total=first.landscape.total, exits=first.landscape.exits
        ),
        at_weights=_means([_within(each.landscape, 0.0) for each in every]),
        around=_means([_within(each.landscape, NEAR) for each in every]),
    )


def _layer(every: Sequence[AnalysisRecord], place: int) -> LayerFacts:
    held = [each.information[place] for each in every]
    return LayerFacts(
        layer=every[0].rank[place].layer,
        rank=mean_of(np.array([float(each.rank[place].rank) for each in every])),
        nats=mean_of(np.array([one.nats for one in held])),
        most=held[0].most,
        saturated=sum(one.saturated for one in held),
    )


def _within(plane: Landscape, distance: float) -> list[float]:
    """Return the mean loss of the points near the weights: mean over exits, then of each exit."""
    near = np.abs(np.asarray(plane.coordinates)) <= distance + 1e-9
    return [_mean_near(np.asarray(losses), near) for losses in (plane.total, *plane.exits)]


def _mean_near(losses: NDArray[np.float64], near: NDArray[np.bool_]) -> float:
    return float(losses[np.ix_(near, near)].mean())


def _means(by_seed: Sequence[Sequence[float]]) -> tuple[Mean, ...]:
    return tuple(map(mean_of, np.asarray(by_seed, np.float64).T))

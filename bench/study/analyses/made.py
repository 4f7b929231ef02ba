"""From the checkpoint of a run to the record of its analysis."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import numpy as np

from eeinfer.bench.study.analyses.plan import Analysed, AnalysisPlan
from eeinfer.bench.study.analyses.records import AnalysisRecord
from eeinfer.progress import Progress
from eeinfer.training import TrainConfig
from eeinfer.training.analysis.analyse import (
    INFORMATION,
    LANDSCAPE,
    OVERTHINKING,
    RANK,
    AnalysisConfig,
    analyse,
)
from eeinfer.training.analysis.landscape import Landscape, LandscapeConfig
from eeinfer.training.runs.run import limited_threads

_MOST_LOSS = 1e9
AnyFound = TypeVar("AnyFound")


def analysed(
    what: Analysed,
    checkpoint: Path,
    config: TrainConfig,
    plan: AnalysisPlan,
    *,
    reference: AnalysisRecord | None,
    progress: Progress,
) -> AnalysisRecord:
    """Look at the network that a run has trained.

    Args:
        what: which analysis it is.
        checkpoint: of the finished run.
        config: the run; its data.root says where the images are.
        plan: on what.
        reference: the record from which the noise of every layer is taken; None chooses it here.
        progress: told of every step.

    Raises:
        EeinferError: the checkpoint is damaged, its data are missing, or it has other layers than the reference.
    """
    began = perf_counter()
    sigmas = None if reference is None else {layer.layer: layer.sigma for layer in reference.information}
    found: dict[str, Any] = {}
    with limited_threads(config.threads):
        for number, (kind, settings) in enumerate(_settings(plan, config.data.root, sigmas).items()):
            progress(f"analysis, {kind}", number, 4)
            found[kind] = analyse(kind, [checkpoint], settings).networks[0].found
    return AnalysisRecord(
        key=what.key,
        run=what.run,
        reference=what.reference,
        plan=plan,
        rank=tuple(map(_rounded, found[RANK])),
        information=tuple(map(_rounded, found[INFORMATION])),
        landscape=_rounded(_finite(found[LANDSCAPE])),
        overthinking=_rounded(found[OVERTHINKING]),
        seconds=round(perf_counter() - began, 2),
    )


def _settings(plan: AnalysisPlan, root: str | None, sigmas: Mapping[str, float] | None) -> dict[str, AnalysisConfig]:
    at = None if root is None else Path(root)
    plane = LandscapeConfig(steps=plan.plane_steps, seed=plan.seed)
    return {
        RANK: AnalysisConfig(images=plan.rank_images, columns=plan.rank_columns, seed=plan.seed, root=at),
        INFORMATION: AnalysisConfig(
            images=plan.information_images, columns=plan.information_columns, seed=plan.seed, root=at, sigmas=sigmas
        ),
        LANDSCAPE: AnalysisConfig(images=plan.plane_images, seed=plan.seed, root=at, plane=plane),
        OVERTHINKING: AnalysisConfig(images=plan.overthinking_images, seed=plan.seed, root=at),
    }


def _finite(found: Landscape) -> Landscape:
    """JSON knows no infinity."""
    total, *exits = (
        tuple(map(tuple, np.nan_to_num(np.clip(losses, None, _MOST_LOSS), nan=_MOST_LOSS).tolist()))
        for losses in map(np.asarray, (found.total, *found.exits))
    )
    return Landscape(coordinates=found.coordinates, total=total, exits=tuple(exits))


def _rounded(found: AnyFound) -> AnyFound:
    """Six digits tell what there is to tell, in half the bytes."""
    return type(found)(**{name: _short(value) for name, value in asdict(found).items()})  # type: ignore[call-overload]


def _short(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_short, value))
    return float(f"{value:.6g}") if isinstance(value, float) else value

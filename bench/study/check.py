"""Before anything is trained: does every network of a study exist, and how long will all of it take?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import msgspec

from eeinfer.bench.study.analyses.estimate import analysis_seconds
from eeinfer.bench.study.analyses.plan import PLAN
from eeinfer.bench.study.work.jobs import ANALYSIS, Job
from eeinfer.bundle.manifest import Input
from eeinfer.errors import ConfigError, DataError
from eeinfer.progress import Progress, silent
from eeinfer.training import TrainConfig
from eeinfer.training.build import Built, build_model, check_names, model_input
from eeinfer.training.config import config_to_dict
from eeinfer.training.data import Dataset, load_dataset
from eeinfer.training.file_options import without_downloads
from eeinfer.training.model import EarlyExitModel
from eeinfer.training.runs.speed import step_seconds

_AROUND_S = 12.0  # starting a process, export and measurement of a run, on one core

_Read = Callable[[str, str | None], Dataset]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Seconds of each job on this machine, if every epoch is run."""

    seconds: dict[str, float]  # by the key of the job

    def total(self, workers: int) -> float:
        """Return how long all of them take with so many at once."""
        return sum(self.seconds.values()) / workers


def check(jobs: Sequence[Job]) -> None:
    """Build each distinct network once.

    Raises:
        ConfigError: a setting is unknown or does not fit; DataError: a data set is missing.
    """
    read = _reader()
    for job in _distinct(jobs):
        _built(job.config, read)


def estimate(jobs: Sequence[Job], progress: Progress = silent) -> Estimate:
    """Take the time of a step of each distinct network, and multiply.

    Args:
        jobs: what is to be done.
        progress: told of every network.

    Raises:
        ConfigError, DataError: as `check`.
    """
    read, distinct, costs = _reader(), _distinct(jobs), dict[bytes, _Costs]()
    for number, job in enumerate(distinct):
        progress("timing a few training steps of every network", number, len(distinct))
        costs[_shape(job.config)] = _measured(job.config, read)
    return Estimate(seconds={job.key: _seconds(job, costs[_shape(job.config)], read) for job in jobs})


def _reader() -> _Read:
    """What reads each data set once: most jobs of a study share theirs, and to unpack one takes a second."""
    return cache(load_dataset)


@dataclass(frozen=True, kw_only=True)
class _Costs:
    """Seconds of one network."""

    steps: dict[int, float]  # of a training step of each phase
    model: EarlyExitModel


def _measured(config: TrainConfig, read: _Read) -> _Costs:
    built, input = _built(config, read)
    return _Costs(steps=step_seconds(config, built.model, input.tensor.sizes()), model=built.model)


def _seconds(job: Job, costs: _Costs, read: _Read) -> float:
    config, steps = job.config, costs.steps
    if job.task == ANALYSIS:
        whole = max(steps[number] for number in config.phases if number != 3)
        return analysis_seconds(costs.model, whole, config.data.batch_size, PLAN, chooses=job.noise is None)
    phases = [number for number in config.phases if number != 1 or not job.needs]
    count = _steps_per_epoch(config, read)
    return sum(config.phase(number).epochs * count * steps[number] for number in phases) + _AROUND_S


def _steps_per_epoch(config: TrainConfig, read: _Read) -> int:
    images = len(read(config.data.name, config.data.root).train)
    limit = images if config.data.max_images is None else min(images, config.data.max_images)
    return max(int(limit * (1 - config.data.val_share)) // config.data.batch_size, 1)


def _built(config: TrainConfig, read: _Read) -> tuple[Built, Input]:
    check_names(config)
    try:
        dataset = read(config.data.name, config.data.root)
    except DataError as error:
        raise DataError(f"data.name {config.data.name!r}, data.root {config.data.root!r}: {error}") from error
    try:
        return _network(config, dataset)
    except ConfigError as error:
        raise ConfigError(f"backbone {config.backbone.name!r} with exits {config.exits!r}: {error}") from error


def _network(config: TrainConfig, dataset: Dataset) -> tuple[Built, Input]:
    input = model_input(config, dataset)
    return build_model(without_downloads(config), input, len(dataset.classes)), input


def _distinct(jobs: Sequence[Job]) -> list[Job]:
    return [*{_shape(job.config): job for job in reversed(jobs)}.values()][::-1]


def _shape(config: TrainConfig) -> bytes:
    """What a network and the time of a step depend on."""
    plain = config_to_dict(config)
    parts = ("data", "backbone", "exits", "method", "device", "devices", "precision", "threads", "channels_last")
    return msgspec.json.encode([config.phases, *(plain[name] for name in parts)])

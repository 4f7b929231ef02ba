"""Bundles compared: answers first, then times, each bundle in a process of its own, all taking turns."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.arrays import count_rows
from eeinfer.bench.environment import environment, load_average
from eeinfer.bench.peers.registry import SUBJECT
from eeinfer.bench.versus.answers import Answers, answers_of, group_of
from eeinfer.bench.versus.config import VersusConfig
from eeinfer.bench.versus.paired import paired
from eeinfer.bench.versus.report import Contestant, Operating, VersusReport
from eeinfer.bench.workers import messages
from eeinfer.bench.workers.base import Setup, Workload
from eeinfer.bench.workers.process import PeerProcess
from eeinfer.machine.cores import physical_cores
from eeinfer.machine.leftovers import temporary_folder
from eeinfer.progress import Progress, silent
from eeinfer.thresholds.binomial import share_interval

Array = NDArray[Any]

_OWN = "own"
_MEGABYTE = 1e6


def compare_bundles(
    bundles: Mapping[Path, tuple[Any, Array]], config: VersusConfig, progress: Progress = silent, *, data: str
) -> VersusReport:
    """Compare bundles on the same images.

    Args:
        bundles: path -> images and labels [N], which are the same images for all; labels are each bundle's own numbers.
        config: how.
        progress: told what is being done.
        data: what the images are called.

    Raises:
        InputError: a bundle does not take these images.
        DataError: labels that a bundle does not know.
        PeerFailed: a bundle does not run.
    """
    busy = load_average()
    first_images, _ = next(iter(bundles.values()))
    timed = _timed(count_rows(first_images), config)
    found = [answers_of(path, *given, timed, config.threads, progress) for path, given in bundles.items()]
    with temporary_folder("eeinfer-compare") as folder, ExitStack() as stack:
        running = [_opened(answers, folder / str(k), stack, config) for k, answers in enumerate(found)]
        times = _take_turns([process for process, *_ in running], found, config, progress)
    labels = _labels(list(bundles))
    return VersusReport(
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        data=data,
        images=len(found[0].labels),
        timed=len(timed),
        rounds=config.rounds,
        environment=environment("cpu", config.threads, busy, plain=False),
        bundles=tuple(
            _contestant(label, answers, found[0], opened, memory, ms, config)
            for label, answers, (_, opened, memory), ms in zip(labels, found, running, times, strict=True)
        ),
        pairs=paired({label: answers.right for label, answers in zip(labels, found, strict=True)}, config.seed),
    )


def _timed(count: int, config: VersusConfig) -> Array:
    draw = np.random.default_rng(config.seed)
    return np.asarray(draw.permutation(count)[: config.timed], np.int64)


def _opened(
    answers: Answers, folder: Path, stack: ExitStack, config: VersusConfig
) -> tuple[PeerProcess, messages.Opened, messages.Memory]:
    """Start the bundle's process, let it answer once, and ask what that took."""
    folder.mkdir()
    np.save(folder / "images.npy", answers.timed)
    setup = Setup(
        bundle=str(answers.bundle.path.resolve()),
        checkpoint=None,
        folder=str(folder),
        images=str(folder / "images.npy"),
        batch=1,
        threads=config.threads or physical_cores(),
        threads_asked=config.threads,
    )
    process = stack.enter_context(PeerProcess(answers.bundle.path.name))
    opened = process.ask(messages.Open(peer=SUBJECT, setup=setup), messages.Opened, seconds=config.open_seconds)
    memory = process.ask(messages.Measure(), messages.Memory, seconds=config.open_seconds)
    return process, opened, memory


def _take_turns(
    processes: Sequence[PeerProcess], found: Sequence[Answers], config: VersusConfig, progress: Progress
) -> list[dict[str, Array]]:
    """Return for every bundle and workload each round's mean milliseconds [rounds]."""
    draw, plans = np.random.default_rng(config.seed), [_plans(answers, config) for answers in found]
    times = [{name: list[float]() for name in plan} for plan in plans]
    turns = [(who, name) for who, plan in enumerate(plans) for name in plan]
    for round in range(config.rounds):
        for done, turn in enumerate(draw.permutation(len(turns))):
            progress("bundles taking turns", round * len(turns) + done, config.rounds * len(turns))
            who, name = turns[turn]
            batches = tuple(range(len(found[who].timed)))
            request = messages.Run(workload=plans[who][name], batches=batches, untimed=3)
            ran = processes[who].ask(request, messages.Ran, seconds=config.open_seconds)
            times[who][name].append(float(np.mean(ran.times_ms)))
    progress("bundles taking turns", config.rounds * len(turns), config.rounds * len(turns))
    return [{name: np.array(ms) for name, ms in own.items()} for own in times]


def _plans(answers: Answers, config: VersusConfig) -> dict[str, Workload]:
    exits = len(answers.taus)
    taus = {_OWN: answers.taus, **{f"{tau:g}": (tau,) * exits for tau in config.taus}}
    left = (exits - 1,) * len(answers.timed)  # what the engine decides itself is not looked at
    return {name: Workload(name=name, taus=tau, exits=left) for name, tau in taus.items()}


def _contestant(
    label: str,
    answers: Answers,
    first: Answers,
    opened: messages.Opened,
    memory: messages.Memory,
    ms: dict[str, Array],
    config: VersusConfig,
) -> Contestant:
    manifest, plans = answers.bundle.manifest, _plans(answers, config)
    points = {name: _operating(answers, plan.taus, ms[name]) for name, plan in plans.items()}
    mine, others = (_names(one)[one.at(one.taus)[1]] for one in (answers, first))
    return Contestant(
        label=label,
        name=manifest.name,
        sha256=answers.bundle.fingerprint,
        precision=manifest.precision,
        exits=len(manifest.segments),
        static_flops=manifest.flops.static,
        own=points.pop(_OWN),
        curve=tuple(points.values()),
        exit_accuracy=tuple((answers.predictions == answers.labels[:, None]).mean(axis=0).tolist()),
        agreement=float((mine == others).mean()),
        open_s=opened.open_s,
        how=opened.how,
        increase_mb=memory.increase_mb,
        file_mb=sum(file.bytes for file in manifest.files.values()) / _MEGABYTE,
        seed=_seed(answers),
        group=hashlib.sha256(group_of(answers.bundle).encode()).hexdigest()[:12],
    )


def _seed(answers: Answers) -> int | None:
    seed = answers.bundle.manifest.provenance.get("seed")
    return seed if isinstance(seed, int) else None


def _names(answers: Answers) -> Array:
    return np.array([*answers.bundle.manifest.classes, ""])  # -1 is no answer


def _operating(answers: Answers, taus: tuple[float, ...], ms: Array) -> Operating:
    left, predictions = answers.at(taus)
    right, count = int((predictions == answers.labels).sum()), len(left)
    costs = np.array([segment.cumulative_flops for segment in answers.bundle.manifest.segments])
    return Operating(
        taus=taus,
        accuracy=right / count,
        interval=share_interval(right, count),
        shares=tuple((np.bincount(left, minlength=len(costs)) / count).tolist()),
        mean_flops=float(costs[left].mean()),
        median_ms=float(np.median(ms)),
        low_ms=float(ms.min()),
        high_ms=float(ms.max()),
    )


def _labels(paths: Sequence[Path]) -> list[str]:
    """Names that tell the bundles apart: of the folders, with as many of those above as it takes."""
    for depth in range(1, 1 + max(len(path.resolve().parts) for path in paths)):
        names = ["/".join(path.resolve().parts[-depth:]) for path in paths]
        if len(set(names)) == len(names):
            return names
    return [f"{path.name} ({number})" for number, path in enumerate(paths, start=1)]

"""Tuning: every setting of threads in a process of its own, all taking turns, then the costs under the best."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from eeinfer.backends.ort.profile import Profile, Trial
from eeinfer.backends.threads import PARKED, SHARED, as_threads
from eeinfer.bench.peers.config import PeersConfig
from eeinfer.bench.peers.registry import SUBJECT
from eeinfer.bench.timing.cascade import forced
from eeinfer.bench.tune.candidates import candidates, combined
from eeinfer.bench.tune.config import TuneConfig
from eeinfer.bench.workers import messages
from eeinfer.bench.workers.base import Setup, Unavailable, Workload, check_one_input
from eeinfer.bench.workers.process import PeerFailed, PeerProcess
from eeinfer.bench.workers.rounds import Turns, calls_per_turn, run_rounds, warm_up
from eeinfer.bench.workers.workloads import leaving
from eeinfer.bundle.folder import Bundle
from eeinfer.errors import EeinferError
from eeinfer.machine.cores import physical_cores
from eeinfer.machine.leftovers import temporary_folder
from eeinfer.progress import Progress

_IMAGES = 2  # different ones, or the second call of a turn would find its image in the cache


@dataclass
class _Setting:
    """A setting of threads that is tried."""

    threads: str
    process: PeerProcess
    warm_ms: dict[str, float] = field(default_factory=dict)
    turns: Turns = field(default_factory=Turns)

    def costs(self, config: TuneConfig, sizes: tuple[int, ...]) -> messages.Costs:
        request = messages.Cost(sizes=sizes, size_seconds=config.size_seconds, passes=config.passes)
        return self.process.ask(request, messages.Costs, seconds=PeersConfig.call_seconds)


def tune(bundle: str | os.PathLike[str], config: TuneConfig, progress: Progress) -> Profile:
    """Find out how to run a bundle on this machine.

    Raises:
        BundleError: the bundle is missing or damaged.
        InputError: it has several inputs.
        EeinferError: it runs under no setting.
    """
    opened = Bundle.open(bundle)
    check_one_input(opened.manifest)
    flops = [segment.flops for segment in opened.manifest.segments]
    exits = _exits(len(flops), config)
    plans = [
        Workload(name=leaving(k, len(flops)), taus=tuple(forced(k, len(flops))), exits=(k,) * _IMAGES) for k in exits
    ]
    rounds = PeersConfig(rounds=config.rounds, turn_seconds=config.turn_seconds, seed=config.seed)
    with temporary_folder("eeinfer-tune") as folder, ExitStack() as stack:
        setup = _setup(opened, folder, config)
        try:
            tried = [*_opened(candidates(physical_cores(), flops), setup, plans, rounds, stack, progress)]
            more = _mixtures(tried, flops, config)
            tried += _opened(more, setup, plans, rounds, stack, progress)
            _take_turns(tried, plans, rounds, progress)
            trials = _trials(tried, plans)
            best = next(setting for setting in tried if setting.threads == trials[0].threads)
            progress("what rows cost", 0, 1)
            costs = best.costs(config, config.sizes)
        except (PeerFailed, Unavailable) as error:
            raise EeinferError(f"{opened.path} cannot be tuned: {error}") from error
    return _profile(opened.manifest.name, exits, trials, costs)


def _profile(bundle: str, exits: tuple[int, ...], trials: list[Trial], costs: messages.Costs) -> Profile:
    return Profile(
        bundle=bundle,
        threads=next(trial.threads for trial in trials if not trial.threads.startswith(SHARED)),
        process=trials[0].threads,
        exits=exits,
        trials=tuple(trials),
        sizes=costs.sizes,
        segment_ms=costs.segment_ms,
        move_ms=costs.move_ms,
        bytes_per_ms=costs.bytes_per_ms,
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        cores=physical_cores(),
    )


def _exits(count: int, config: TuneConfig) -> tuple[int, ...]:
    places = np.linspace(0, count - 1, min(config.most_exits, count))
    return tuple(sorted({round(place) for place in places.tolist()} | {count - 1}))


def _setup(bundle: Bundle, folder: Path, config: TuneConfig) -> Callable[[str], Setup]:
    spec, path = bundle.manifest.input.tensor, folder / "images.npy"
    np.save(path, np.random.default_rng(config.seed).standard_normal((_IMAGES, *spec.sizes())).astype(spec.dtype))
    return lambda threads: Setup(
        bundle=str(bundle.path.resolve()),
        checkpoint=None,
        folder=str(folder),
        images=str(path),
        batch=1,
        threads=physical_cores(),
        threads_asked=threads,
    )


def _opened(
    wanted: Sequence[str],
    setup: Callable[[str], Setup],
    plans: Sequence[Workload],
    rounds: PeersConfig,
    stack: ExitStack,
    progress: Progress,
) -> Iterator[_Setting]:
    """Start a process per setting and warm it up."""
    for position, threads in enumerate(wanted):
        progress("opening settings", position, len(wanted))
        setting = _Setting(threads, stack.enter_context(PeerProcess(threads)))
        request = messages.Open(peer=SUBJECT, setup=setup(threads))
        setting.process.ask(request, messages.Opened, seconds=rounds.open_seconds)
        setting.warm_ms = warm_up(setting.process, plans, _IMAGES, rounds, setting.turns)
        yield setting


def _mixtures(tried: Sequence[_Setting], flops: Sequence[int], config: TuneConfig) -> list[str]:
    """Return settings that give one thread to small segments, where measuring says that there are such."""
    known = {setting.threads: setting for setting in tried}
    single = _segments(known[f"{PARKED}:1"], config)
    found = []
    for setting in tried:
        plan = as_threads(setting.threads, flops)
        if plan.mode != SHARED and len(set(plan.counts)) == 1 and plan.counts[0] > 1:
            found.append(combined(single, _segments(setting, config), plan.mode, plan.counts[0]))
    return [threads for threads in found if threads is not None and threads not in known]


def _segments(setting: _Setting, config: TuneConfig) -> list[float]:
    return [segment[0] for segment in setting.costs(config, (1,)).segment_ms]


def _take_turns(tried: Sequence[_Setting], plans: Sequence[Workload], rounds: PeersConfig, progress: Progress) -> None:
    calls = calls_per_turn(tried[0].warm_ms, _IMAGES, rounds)
    processes = {setting.threads: setting.process for setting in tried}
    run_rounds(processes, {setting.threads: setting.turns for setting in tried}, plans, calls, rounds, progress)


def _trials(tried: Sequence[_Setting], plans: Sequence[Workload]) -> list[Trial]:
    """Return the settings that went through all rounds, the quickest first."""
    done = [setting for setting in tried if setting.turns.failed is None]
    ms = np.array([[np.median(setting.turns.ms[plan.name]) for plan in plans] for setting in done])
    ratios = (ms / ms.min(axis=0)).mean(axis=1)
    found = [
        Trial(threads=setting.threads, ms=tuple(map(float, row)), ratio=float(ratio))
        for setting, row, ratio in zip(done, ms, ratios, strict=True)
    ]
    return sorted(found, key=lambda trial: trial.ratio)

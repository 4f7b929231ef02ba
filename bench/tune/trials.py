"""Settings of threads, each in a process of its own, tried against each other across libraries."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np

from eeinfer.backends.profile import Trial
from eeinfer.backends.threads import PARKED, SHARED, as_threads
from eeinfer.bench.peers.config import PeersConfig
from eeinfer.bench.peers.registry import SUBJECT
from eeinfer.bench.tune.candidates import combined
from eeinfer.bench.tune.config import TuneConfig
from eeinfer.bench.workers import messages
from eeinfer.bench.workers.base import Setup, Unavailable, Workload
from eeinfer.bench.workers.process import PeerProcess
from eeinfer.bench.workers.rounds import Turns, warm_up
from eeinfer.progress import Progress

IMAGES = 2  # different ones, or the second call of a turn would find its image in the cache
SetupFor = Callable[[str, str], Setup]  # of a backend and a setting of threads


@dataclass
class Setting:
    """A backend with a setting of threads, which is tried."""

    backend: str
    threads: str
    process: PeerProcess
    warm_ms: dict[str, float] = field(default_factory=dict)
    turns: Turns = field(default_factory=Turns)

    def costs(self, config: TuneConfig, sizes: tuple[int, ...]) -> messages.Costs:
        """Measure what rows cost."""
        request = messages.Cost(sizes=sizes, size_seconds=config.size_seconds, passes=config.passes)
        return self.process.ask(request, messages.Costs, seconds=PeersConfig.call_seconds)

    def ms(self, plans: Sequence[Workload]) -> list[float]:
        """Return the median time of one image at every workload."""
        return [float(np.median(self.turns.ms[plan.name])) for plan in plans]


def opened(
    backend: str,
    wanted: Sequence[str],
    setup: SetupFor,
    plans: Sequence[Workload],
    rounds: PeersConfig,
    stack: ExitStack,
    progress: Progress,
) -> Iterator[Setting]:
    """Start a process per setting and warm it up."""
    for position, threads in enumerate(wanted):
        progress(f"opening {backend}", position, len(wanted))
        setting = Setting(backend, threads, stack.enter_context(PeerProcess(f"{backend} {threads}")))
        request = messages.Open(peer=SUBJECT, setup=setup(backend, threads))
        setting.process.ask(request, messages.Opened, seconds=rounds.open_seconds)
        setting.warm_ms = warm_up(setting.process, plans, IMAGES, rounds, setting.turns)
        yield setting


def mixtures(tried: Sequence[Setting], flops: Sequence[int], config: TuneConfig) -> list[str]:
    """Return settings that give one thread to small segments, where measuring says that there are such."""
    known = {setting.threads: setting for setting in tried}
    single = _segments(known[f"{PARKED}:1"], config)
    found = []
    for setting in tried:
        plan = as_threads(setting.threads, flops)
        if plan.mode != SHARED and len(set(plan.counts)) == 1 and plan.counts[0] > 1:
            found.append(combined(single, _segments(setting, config), plan.mode, plan.counts[0]))
    return [threads for threads in found if threads is not None and threads not in known]


def _segments(setting: Setting, config: TuneConfig) -> list[float]:
    return [segment[0] for segment in setting.costs(config, (1,)).segment_ms]


def trials(tried: Sequence[Setting], plans: Sequence[Workload]) -> list[Trial]:
    """Return the settings of one backend that went through all rounds, the quickest first.

    Raises:
        Unavailable: none of them did.
    """
    done = [setting for setting in tried if setting.turns.failed is None]
    if not done:
        raise Unavailable(str(tried[0].turns.failed))
    ms = np.array([setting.ms(plans) for setting in done])
    ratios = (ms / ms.min(axis=0)).mean(axis=1)
    found = [
        Trial(threads=setting.threads, ms=tuple(map(float, row)), ratio=float(ratio))
        for setting, row, ratio in zip(done, ms, ratios, strict=True)
    ]
    return sorted(found, key=lambda trial: trial.ratio)

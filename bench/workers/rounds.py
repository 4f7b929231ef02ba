"""Rounds: all peers take turns at every workload, in an order drawn anew, while the others sleep."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.bench.peers.config import PeersConfig
from eeinfer.bench.workers import messages
from eeinfer.bench.workers.base import Unavailable, Workload
from eeinfer.bench.workers.process import PeerFailed, PeerProcess
from eeinfer.bench.workers.settle import settle
from eeinfer.bench.workers.workloads import MIX
from eeinfer.progress import Progress

Array = NDArray[Any]

# A turn shorter than this repeats its images: the threads of one that is hardly awake, 20 ms long, were often seen to
# share a core all the while, at twice the time.
_FAST_MS = 100.0
_MOST_CALLS = 1000


@dataclass
class Turns:
    """What one peer did."""

    ms: dict[str, list[float]] = field(default_factory=dict)  # workload -> per round, milliseconds of a call
    exits: dict[str, Array] = field(default_factory=dict)  # workload -> [N], of the warm-up
    predictions: dict[str, Array] = field(default_factory=dict)
    failed: str | None = None  # why it takes no further turns
    restless: int = 0  # turns after which its threads were not asleep within a second


def warm_up(
    process: PeerProcess, plans: Sequence[Workload], batches: int, config: PeersConfig, turns: Turns
) -> dict[str, float]:
    """Run every workload on every batch once; keep the answers and return the milliseconds of a call."""
    found = {}
    for plan in plans:
        request = messages.Run(workload=plan, batches=tuple(range(batches)), untimed=config.untimed)
        ran = process.ask(request, messages.Ran, seconds=config.call_seconds)
        turns.exits[plan.name] = np.concatenate(ran.exits)
        turns.predictions[plan.name] = np.concatenate(ran.predictions)
        found[plan.name] = float(np.median(ran.times_ms))
    settle(process.pid, config.pause_seconds)
    return found


def calls_per_turn(ms: dict[str, float], batches: int, config: PeersConfig) -> dict[str, tuple[int, ...]]:
    """Choose the batches of a turn, the same for all peers: the mix always has each as often as every other."""
    chosen = {}
    for name, each in ms.items():
        every = np.arange(batches)
        passes = int(np.clip(_FAST_MS / max(each * batches, 1e-3), 1, max(1, _MOST_CALLS // batches)))
        calls = np.tile(every, passes)
        if name != MIX:
            calls = calls[: max(config.least_calls, int(1e3 * config.turn_seconds / max(each, 1e-3)))]
        chosen[name] = tuple(int(batch) for batch in calls)
    return chosen


def run_rounds(
    peers: dict[str, PeerProcess],
    turns: dict[str, Turns],
    plans: Sequence[Workload],
    calls: dict[str, tuple[int, ...]],
    config: PeersConfig,
    progress: Progress,
) -> None:
    """Let all peers take their turns; one that fails is left out from then on and its reason kept.

    Raises:
        PeerFailed: the subject of the comparison itself, the first of them.
    """
    draw, done, subject = np.random.default_rng(config.seed), 0, next(iter(peers))
    for _ in range(config.rounds):
        for plan in plans:
            for position in draw.permutation(len(peers)):
                name = list(peers)[position]
                progress("taking turns", done, config.rounds * len(plans) * len(peers))
                done += 1
                if turns[name].failed is None:
                    failure = _turn(peers[name], turns[name], plan, calls[plan.name], config)
                    if failure is not None and name == subject:
                        raise failure
    progress("taking turns", done, done)


def _turn(
    process: PeerProcess, turns: Turns, plan: Workload, calls: tuple[int, ...], config: PeersConfig
) -> PeerFailed | Unavailable | None:
    request = messages.Run(workload=plan, batches=calls, untimed=config.untimed)
    try:
        ran = process.ask(request, messages.Ran, seconds=config.call_seconds)
    except (PeerFailed, Unavailable) as error:
        turns.failed = str(error)
        return error
    turns.ms.setdefault(plan.name, []).append(per_call(plan.name, ran.times_ms, calls))
    turns.restless += not settle(process.pid, config.pause_seconds)
    return None


def per_call(workload: str, times_ms: Sequence[float], calls: Sequence[int]) -> float:
    """Milliseconds of a call: the median; of the mix, whose calls differ, the mean over batches of medians."""
    times, batches = np.asarray(times_ms), np.asarray(calls)
    if workload != MIX:
        return float(np.median(times))
    return float(np.mean([np.median(times[batches == batch]) for batch in np.unique(batches)]))

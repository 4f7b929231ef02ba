"""From turns to the rows of a report."""

from collections.abc import Mapping, Sequence

import numpy as np

from eeinfer.bench.peers.reporting.report import Ideal, PeerResult, PeerTiming, Spread, WorkloadFacts
from eeinfer.bench.workers import messages
from eeinfer.bench.workers.base import Array, Peer, Workload
from eeinfer.bench.workers.rounds import Turns
from eeinfer.bench.workers.workloads import MIX

_DIGITS = 4  # of shares of images


def workload_facts(plan: Workload, costs: Sequence[int]) -> WorkloadFacts:
    """Say where a workload's rows leave, and what that costs; ``costs`` are FLOPs of leaving at each exit."""
    exits = np.array(plan.exits)
    return WorkloadFacts(
        name=plan.name,
        taus=plan.taus,
        shares=_shares(exits, len(costs)),
        mean_flops=float(np.array(costs)[exits].mean()),
    )


def peer_result(
    name: str,
    kind: type[Peer],
    turns: Turns,
    subject: Turns,
    plans: Sequence[Workload],
    opened: messages.Opened | None,
    memory: messages.Memory | None,
    skipped: str | None,
) -> PeerResult:
    """Return a peer's row: its times beside the subject's of the same rounds, its answers beside the subject's."""
    return PeerResult(
        name=name,
        note=kind.note,
        versions={} if opened is None else opened.versions,
        detail="" if opened is None else opened.detail,
        skipped=skipped,
        failed=turns.failed,
        decides=kind.decides,
        import_s=None if opened is None else opened.import_s,
        open_s=None if opened is None else opened.open_s,
        peak_mb=None if memory is None else memory.peak_mb,
        increase_mb=None if memory is None else memory.increase_mb,
        restless=turns.restless,
        timings=tuple(_timing(plan.name, turns, subject, len(plan.taus)) for plan in plans if turns.ms.get(plan.name)),
    )


def ideal(subject_ms: Mapping[str, Sequence[float]], plans: Sequence[Workload]) -> Ideal:
    """Compare the mix with live rows times the time of a row in a full batch, summed over segments, round by round.

    A segment's time at full batch is what leaving behind it takes more than leaving before it.
    """
    forced = [plan.name for plan in plans if plan.name != MIX]
    path = np.array([subject_ms[name] for name in forced])  # [E, rounds]
    segments = np.diff(path, axis=0, prepend=0.0)
    mix = next(np.array(plan.exits) for plan in plans if plan.name == MIX)
    live = np.array([np.mean(mix >= k) for k in range(len(forced))])
    wanted = live @ segments
    return Ideal(
        live=tuple(round(float(share), _DIGITS) for share in live),
        segment_ms=tuple(float(ms) for ms in np.median(segments, axis=1)),
        ideal_ms=Spread.of(wanted.tolist()),
        share=Spread.of((wanted / np.array(subject_ms[MIX])).tolist()),
    )


def _timing(name: str, turns: Turns, subject: Turns, exits: int) -> PeerTiming:
    ms = turns.ms[name]
    own = subject.ms[name]
    return PeerTiming(
        workload=name,
        ms=Spread.of(ms),
        ratio=Spread.of([a / b for a, b in zip(ms, own, strict=False)]),  # one that failed has fewer rounds
        same_exits=float(np.mean(turns.exits[name] == subject.exits[name])),
        same_predictions=float(np.mean(turns.predictions[name] == subject.predictions[name])),
        shares=_shares(turns.exits[name], exits),
    )


def _shares(exits: Array, count: int) -> tuple[float, ...]:
    found = np.bincount(exits.clip(0), minlength=count) / len(exits)
    return tuple(round(float(share), _DIGITS) for share in found)

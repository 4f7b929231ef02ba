"""What a decision costs on a GPU, level by level, and whether the goals are reached."""

from eeinfer.bench.peers.registry import LEVELS
from eeinfer.bench.peers.reporting import sentences
from eeinfer.bench.peers.reporting.report import PeerResult, PeersReport
from eeinfer.bench.workers.workloads import MIX

GOAL_US, GOAL_RATIO = 5.0, 1.05  # at the highest level and batch 1


def decisions(report: PeersReport) -> list[str]:
    """What a decision costs on a GPU: the time beyond the network cut at exit k over the k + 1 decisions on the way."""
    cut = next((peer for peer in report.ran if peer.name == sentences.IDEAL_PEER), None)
    if cut is None or report.environment.gpu is None:
        return []
    levels = [_decision(report, peer, cut) for peer in report.ran if peer.name in LEVELS]
    judged = sentences.subject(report) == LEVELS[0] and report.settings.batch == 1
    return [*levels, _goals(report, cut)] if judged else levels


def _decision(report: PeersReport, peer: PeerResult, cut: PeerResult) -> str:
    names = {plan.name: sentences.short(plan) for plan in report.workloads}
    costs = (f"{names[name]} {cost:.1f}" for name, cost in _decision_us(peer, cut).items())
    return f"{peer.name}, microseconds per decision beyond {cut.name}: {', '.join(costs)}"


def _decision_us(peer: PeerResult, cut: PeerResult) -> dict[str, float]:
    pairs = [
        (timing, ideal)
        for ideal in cut.timings
        if ideal.workload != MIX and (timing := peer.timing(ideal.workload)) is not None
    ]
    return {
        timing.workload: 1e3 * (timing.ms.median - ideal.ms.median) / (k + 1) for k, (timing, ideal) in enumerate(pairs)
    }


def _goals(report: PeersReport, cut: PeerResult) -> str:
    cost = max(_decision_us(report.peers[0], cut).values())
    ratio = max(1 / timing.ratio.median for timing in cut.timings if timing.workload != MIX)
    return (
        f"goals at {sentences.subject(report)}: {GOAL_US:g} us per decision "
        f"{sentences.goal(cost <= GOAL_US)} (at most {cost:.1f}), {GOAL_RATIO:g} of the network cut there "
        f"{sentences.goal(ratio <= GOAL_RATIO)} (at most {ratio:.3f})"
    )

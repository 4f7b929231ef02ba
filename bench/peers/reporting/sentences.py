"""What a comparison says in words; the same in the terminal and on the page."""

from collections.abc import Sequence

from eeinfer.bench.peers.reporting.report import PeerResult, PeersReport, Spread, WorkloadFacts
from eeinfer.bench.reporting.formats import percent, significant
from eeinfer.bench.reporting.sentences import (
    about_bundle,
    about_system,
    form,
    gpu_line,
    library,
    load,
    processor,
    rounds,
)
from eeinfer.bench.reporting.sentences import threads as thread_count
from eeinfer.bench.timing.networks import NO_HEADS
from eeinfer.bench.workers.workloads import MIX

AGREEMENT_WANTED = 0.99
GOAL_OF_IDEAL = 0.93
IDEAL_PEER = "cut"
_IDEALS = (IDEAL_PEER, "openvino cut")  # know beforehand where a row leaves: nobody can take them
_AHEAD = 1.03  # less is within what rounds differ by
_STEADY = 1.25  # 90th over 10th percentile of the engine's own times on a quiet machine, at most

METHOD = (
    "Every peer has a process of its own and the same prepared images. In each round all peers take turns at every "
    "workload, in an order drawn anew, while the others sleep; a turn begins when the threads of the one before are "
    "asleep, and with untimed calls. A peer's time in a round is the median over the calls of its turn, for the mix "
    "the mean over images of each one's median. A ratio is a peer's time over the engine's in the same round; shown "
    "are the median and the 10th and 90th percentile over rounds. Calls begin with the prepared images in memory "
    "and end when the peer knows where each row left and what was predicted."
)
MEMORY = (
    "Memory is the resident peak of the peer's process; the increase is over what the process held before the model "
    "was opened, its libraries and the images among it. Opening ends with a first call through the whole network."
)
AGREEMENT = (
    "Same exits and answers: the least share over workloads of images that leave where the engine's do and get its "
    "prediction. A network without exits is held to the answers of never leaving."
)
IDEAL = (
    "Ideal: live rows times the time of a row in a full batch, summed over segments, all from the engine's own forced "
    "exits in the same round."
)


def title(report: PeersReport) -> str:
    """What was compared, on what."""
    return f"{report.bundle.name} beside its peers on {report.data}"


def circumstances(report: PeersReport) -> str:
    """The one line that must stand beside the numbers."""
    settings = report.settings
    calls = ", ".join(f"{count} ({name})" for name, count in _few(settings.calls).items())
    return (
        f"{processor(report.environment, threads(report))}, batch {settings.batch}, {settings.images} images, "
        f"{rounds(settings.rounds)}, calls per turn: {calls}"
    )


def subject(report: PeersReport) -> str:
    """Whom the others are compared with."""
    return report.peers[0].name


def _few(calls: dict[str, int]) -> dict[str, int]:
    """One entry where all forced exits have as many calls."""
    forced = {name: count for name, count in calls.items() if name != MIX}
    if len(set(forced.values())) > 1:
        return calls
    return {"each exit": next(iter(forced.values()), 0), MIX: calls.get(MIX, 0)}


def threads(report: PeersReport) -> str:
    """How many threads every peer had."""
    return thread_count(report.settings.threads)


def warnings(report: PeersReport) -> list[str]:
    """What a reader must know before believing the numbers; nothing where all is well."""
    place = report.environment
    found = [text for peer in report.ran for text in (_disagreement(peer, report), _restless(peer, report)) if text]
    if place.load is not None and place.load > 1.5 * place.cores:
        found.append(
            f"the machine was busy when this began (load {place.load:.1f} on {place.cores} cores): measure again"
        )
    found += _disturbed(report)
    return found + [f"{peer.name} FAILED: {peer.failed}" for peer in report.peers if peer.failed]


def _disturbed(report: PeersReport) -> list[str]:
    wild = [timing for timing in report.peers[0].timings if timing.ms.p90 > _STEADY * timing.ms.p10]
    if not wild:
        return []
    worst = max(wild, key=lambda timing: timing.ms.p90 / timing.ms.p10)
    low, high = significant(worst.ms.p10), significant(worst.ms.p90)
    return [f"something disturbed the rounds: {subject(report)} itself took {low} to {high} ms at {worst.workload}"]


def overhead(report: PeersReport) -> str:
    """What leaving at an exit costs beyond the network cut there: the engine's time over that network's."""
    cut = next((peer for peer in report.ran if peer.name == IDEAL_PEER), None)
    if cut is None:
        return ""
    names = {plan.name: short(plan) for plan in report.workloads}
    parts = (f"{names[timing.workload]} {1 / timing.ratio.median:.3f}" for timing in cut.timings)
    return f"{subject(report)} over {cut.name}: {', '.join(parts)}"


def agreement(peer: PeerResult) -> tuple[float, float]:
    """Its least shares of images with the engine's exits, where it decides, and of those with its predictions.

    A peer that cannot leave is held to its answer where the engine does not leave either.
    """
    held = [timing for timing in peer.timings if peer.decides or timing is _last_forced(peer)]
    return min(timing.same_exits for timing in held), min(timing.same_predictions for timing in held)


def _last_forced(peer: PeerResult) -> object:
    forced = [timing for timing in peer.timings if timing.workload != MIX]
    return forced[-1] if forced else peer.timings[-1]


def _disagreement(peer: PeerResult, report: PeersReport) -> str:
    exits, predictions = agreement(peer)
    if min(exits, predictions) >= AGREEMENT_WANTED:
        return ""
    if exits >= AGREEMENT_WANTED and NO_HEADS in peer.detail:
        last = f"{percent(predictions)} % of its predictions are those of the last exit, which reads heads"
        return f"{peer.name} is {NO_HEADS}: {last}"
    return (
        f"{peer.name} DISAGREES with {subject(report)}: {percent(exits)} % of the images leave where ours do, "
        f"{percent(predictions)} % have our prediction; its times are of other work"
    )


def _restless(peer: PeerResult, report: PeersReport) -> str:
    turns = report.settings.rounds * len(report.workloads)
    if peer.restless <= 0.1 * turns:
        return ""
    return f"{peer.name} was still busy a second after {peer.restless} of {turns} turns; others may have suffered"


def absences(report: PeersReport) -> list[tuple[str, str]]:
    """Peers that were skipped, with the reason."""
    return [(peer.name, peer.skipped) for peer in report.peers if peer.skipped]


def spread(value: Spread) -> str:
    """A ratio with its spread: 1.52 (1.50-1.56)."""
    return f"{value.median:.2f} ({value.p10:.2f}-{value.p90:.2f})"


def short(workload: WorkloadFacts) -> str:
    """A workload where there is little room."""
    return workload.name.removesuffix(" leaving")


def mix(report: PeersReport) -> str:
    """The exit mix and its thresholds."""
    facts = next(workload for workload in report.workloads if workload.name == MIX)
    shares = " / ".join(percent(share, 0) for share in facts.shares)
    taus = ", ".join(f"{tau:.4g}" for tau in facts.taus)
    return f"mix: {shares} % of the images leave at exit 0 .. {len(facts.shares) - 1}, taus {taus}"


def goal(reached: bool) -> str:
    """Whether it is."""
    return "reached" if reached else "missed"


def ideal(report: PeersReport) -> str:
    """How much of the ideal is reached; for batches."""
    found = report.ideal
    if found is None:
        return ""
    reached = goal(found.share.median >= GOAL_OF_IDEAL)
    live = " / ".join(percent(share, 0) for share in found.live)
    return (
        f"ideal mix {significant(found.ideal_ms.median)} ms per batch (live rows {live} %); ideal over measured "
        f"{found.share.median:.3f} ({found.share.p10:.3f}-{found.share.p90:.3f}), goal {GOAL_OF_IDEAL} {reached}"
    )


def verdict(report: PeersReport) -> str:
    """Who is ahead in the mix."""
    others = [(peer, timing) for peer in report.ran[1:] if (timing := peer.timing(MIX))]
    if not others:
        return "no peer ran"
    ordered: Sequence[tuple[PeerResult, float]] = sorted(
        ((peer, timing.ratio.median) for peer, timing in others), key=lambda pair: pair[1]
    )
    real = [pair for pair in ordered if pair[0].name not in _IDEALS]
    ideals = [pair for pair in ordered if pair[0].name in _IDEALS]
    beyond = f"Told beforehand where each image leaves, as nobody is: {_ratios(ideals)}." if ideals else ""
    if not real:
        return beyond
    return f"{_ahead(real[0], subject(report))}. Times over {subject(report)}'s: {_ratios(real)}. {beyond}".rstrip()


def _ratios(ordered: Sequence[tuple[PeerResult, float]]) -> str:
    return ", ".join(f"{peer.name} {ratio:.2f}" for peer, ratio in ordered)


def _ahead(best: tuple[PeerResult, float], own: str) -> str:
    """Who of both is the quicker: the quickest peer, or whom all are compared with."""
    (peer, ratio), where = best, "where images leave in a mix of exits"
    if ratio >= _AHEAD:
        return f"{own} is the quickest {where}: {ratio:.2f} times as fast as {peer.name}"
    if ratio > 1 / _AHEAD:
        return f"{own} and {peer.name} are equally quick {where}"
    return f"Take {peer.name}: {where} it is {1 / ratio:.2f} times as fast as {own}"


def _gpu_facts(report: PeersReport) -> list[tuple[str, str]]:
    gpu = report.environment.gpu
    return [] if gpu is None else [gpu_line(gpu)]


def facts(report: PeersReport) -> list[tuple[str, str]]:
    """Everything the numbers depend on, by name."""
    place, settings, bundle = report.environment, report.settings, report.bundle
    return [
        *about_bundle(bundle),
        ("data", f"{report.data}: {settings.images} images in batches of {settings.batch}"),
        ("timing", f"{rounds(settings.rounds)}, seed {settings.seed}, {settings.seconds:.0f} s in all"),
        ("device", f"{place.cpu}, {place.cores} cores, {threads(report)} for every peer, load {load(place)}"),
        *form(place),
        *_gpu_facts(report),
        *library(place),
        *about_system(place),
        ("made", report.created),
    ]

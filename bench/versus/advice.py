"""What to take from a comparison, in one or two sentences."""

from eeinfer.bench.reporting.sentences import rounds
from eeinfer.bench.versus.paired import Paired
from eeinfer.bench.versus.report import Contestant, VersusReport

_FASTER = 1.03  # less is within what rounds differ by
_EVEN = f"{{}} is quicker by more than the {100 * (_FASTER - 1):.0f} % that rounds differ by"
_FEW = 3  # rounds, below which one disturbance decides a time


def advice(report: VersusReport) -> str:
    """What to take: the quickest, unless the most accurate is better by more than chance explains."""
    if report.rounds >= _FEW:
        return _advice(report)
    few = f"Times of {rounds(report.rounds)} alone are upset by one disturbance: compare again with --rounds 8, say."
    return f"{_advice(report)} {few}"


def _advice(report: VersusReport) -> str:
    best = max(report.bundles, key=lambda one: (one.own.accuracy, -one.own.median_ms))
    quick = min(report.bundles, key=lambda one: one.own.median_ms)
    if best.own.median_ms < _FASTER * quick.own.median_ms:
        return _both(report, best)
    gain = f"{best.own.median_ms / quick.own.median_ms:.2f} times as fast as {best.label}"
    pair, lost = _pair(report, quick, best), 100 * (best.own.accuracy - quick.own.accuracy)
    if not pair.sure:
        return (
            f"Take {quick.label}: it is {gain}, and the {lost:.1f} points of accuracy between them are within what "
            f"{report.images} images can tell apart ({_p(pair)})."
        )
    return (
        f"Choose: {quick.label} is {gain}, the most accurate, and {lost:.1f} points less accurate, which is more than "
        f"chance explains ({_p(pair)})."
    )


def _both(report: VersusReport, best: Contestant) -> str:
    """The most accurate is as quick as any."""
    others = sorted((one for one in report.bundles if one is not best), key=lambda one: one.own.median_ms)
    any_of, all_of, none_of = ("either", "both", "neither") if len(others) == 1 else ("any", "all", "none")
    even = others[0].own.median_ms < _FASTER * best.own.median_ms
    every = others[-1].own.median_ms < _FASTER * best.own.median_ms
    speed = _EVEN.format(none_of) if even else _ahead(best, others)
    unsure = [one.label for one in others if not _pair(report, best, one).sure]
    if all(one.agreement == 1 for one in report.bundles):
        taken = any_of if every else best.label
        return f"Take {taken}: {speed}, and all {report.images} images have the same answers from {all_of}."
    if every and not any(pair.sure for pair in report.pairs):
        return f"Take {any_of}: {speed}, and on {report.images} images {none_of} is shown to be more accurate."
    if unsure:
        who = _listed(unsure)
        return (
            f"Take {best.label}: {speed}; whether it is more accurate than {who}, {report.images} images cannot tell."
        )
    beaten = others[0].label if len(others) == 1 else "the others"
    return f"Take {best.label}: {speed}, and it is more accurate than {beaten} by more than chance explains."


def _ahead(best: Contestant, others: list[Contestant]) -> str:
    """Say by how much the quickest is ahead; the others by time."""
    gain = f"{others[0].own.median_ms / best.own.median_ms:.2f} times as fast as"
    return f"it is {gain} {'' if len(others) == 1 else 'the next, '}{others[0].label}"


def _pair(report: VersusReport, one: Contestant, other: Contestant) -> Paired:
    both = {one.label, other.label}
    return next(pair for pair in report.pairs if {pair.one, pair.other} == both)


def _p(pair: Paired) -> str:
    return f"p {'' if (text := p_text(pair.p_corrected)).startswith('<') else '= '}{text}"


def p_text(p: float) -> str:
    """Write a p value: 0.034, or less than can be told."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"

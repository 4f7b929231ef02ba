"""What to take from a comparison, in one or two sentences."""

from eeinfer.bench.versus.paired import Paired
from eeinfer.bench.versus.report import Contestant, VersusReport

_FASTER = 1.03  # less is within what rounds differ by


def advice(report: VersusReport) -> str:
    """What to take: the quickest, unless the most accurate is better by more than chance explains."""
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
    others = [one for one in report.bundles if one is not best]
    unsure = [one.label for one in others if not _pair(report, best, one).sure]
    head = f"Take {best.label}: none is quicker"
    if not unsure:
        return f"{head}, and it is more accurate than the others by more than chance explains."
    least = min(one.own.median_ms for one in others)
    if least < _FASTER * best.own.median_ms and len(others) == 1:
        return f"Take either: neither is quicker, and on {report.images} images neither is shown to be more accurate."
    return f"{head}; whether it is more accurate than {_listed(unsure)}, {report.images} images cannot tell."


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

"""What the numbers say: which threshold to look at, and whether each exit pays."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eeinfer.bench.reporting.formats import chosen, flops_unit, headline, milliseconds, percent, times
from eeinfer.bench.reporting.report import BreakEven, Report
from eeinfer.bench.reporting.sentences import few_rounds, rounds
from eeinfer.bench.timing.clock import Timing
from eeinfer.rule import Taus, as_taus, exits_at
from eeinfer.thresholds.binomial import share_interval

Array = NDArray[Any]

_LEAST_SAVED = 0.01
_FASTER = 1.03  # than the static network: less is within what rounds differ by


def headline_index(accuracy: Array, static_accuracy: float, tolerance: float) -> int:
    """Return the first, so cheapest, threshold whose accuracy is at most ``tolerance`` below the static network's.

    Where tau = 1 is among them and the last exit reads no heads there always is one, as it answers as the static
    network does; otherwise, where none is that good, it is the last and dearest.
    """
    good = accuracy >= static_accuracy - tolerance - 1e-9
    return int(good.argmax()) if good.any() else len(accuracy) - 1


def saved_ratio(ms: float, static_ms: float, flops: float, static_flops: float) -> float | None:
    """Return the share of latency saved over the share of FLOPs saved: 1 is ideal, below 0 the cascade is slower.

    None where less than 1 % of the FLOPs are saved: a ratio over next to nothing says nothing.
    """
    flops_saved = 1 - flops / static_flops
    return (1 - ms / static_ms) / flops_saved if flops_saved >= _LEAST_SAVED else None


def break_even(scores: Array, tau: Taus, cascade_ms: Sequence[float], session_ms: Sequence[float]) -> list[BreakEven]:
    """Weigh what each early exit costs against what it saves.

    Args:
        scores: [N, E].
        tau: the threshold everybody is judged by, or one per exit.
        cascade_ms: E times of leaving at each exit.
        session_ms: E times of the network cut at each exit, which has neither earlier heads nor borders; their
            difference grows from one exit to the next by what the exit between them costs.
    """
    taus = as_taus(tau, scores.shape[1])
    exits = exits_at(scores, taus)
    extra = np.subtract(cascade_ms, session_ms)
    return [
        _weigh(scores, taus, exits, k, max(0.0, float(extra[k + 1] - extra[k])), np.asarray(cascade_ms))
        for k in range(scores.shape[1] - 1)
    ]


def _weigh(scores: Array, taus: Array, exits: Array, exit: int, cost: float, cascade_ms: Array) -> BreakEven:
    reached, fired = exits >= exit, exits == exit
    without = taus.copy()
    without[exit] = 1.0
    later = exits_at(scores[fired], without)
    saved = float(np.mean(cascade_ms[later] - cascade_ms[exit])) if fired.any() else None
    rate = float(fired.sum() / reached.sum()) if reached.any() else 0.0
    needed = cost / saved if saved is not None and saved > 0 else None
    return BreakEven(
        exit=exit,
        reached=float(reached.mean()),
        fired=rate,
        cost_ms=cost,
        saved_ms=saved,
        needed=needed,
        pays=needed is not None and rate > needed,
    )


def choice(report: Report) -> str:
    """Why the headline threshold is the headline."""
    tolerance = report.settings.tolerance
    points = f"{percent(tolerance)} points of the static network"
    near = report.headline < len(report.thresholds) - 1 or headline(report).accuracy >= _wanted(report)
    return f"the cheapest threshold within {points}" if near else f"the dearest threshold: none is within {points}"


def _wanted(report: Report) -> float:
    return report.static.accuracy - report.settings.tolerance - 1e-9


def advice(report: Report) -> str:
    """What to do, in one line; no more than rounds and the intervals of both times bear out."""
    row, held = headline(report), report.held
    lost = 100 * (held.static_accuracy - held.accuracy)
    price = f"{lost:.1f} points of accuracy" if lost >= 0.05 else "no accuracy"
    speed = f"{row.speedup:.2f} times as fast as the static network"
    if few_rounds(report):
        return (
            f"By {rounds(report.settings.rounds)} alone {chosen(report)} looks {speed}, for {price}: measure again in "
            "3 rounds or more before you go by it."
        )
    if _overlap(row.timing, report.static.timing):
        return (
            f"These times do not tell whether early exits pay here: at {chosen(report)} the cascade is {speed}, and "
            f"the intervals of both means overlap ({_interval(report, row.timing)} against "
            f"{_interval(report, report.static.timing)}). Measure on an idle machine, or with more --rounds."
        )
    if row.speedup >= _FASTER:
        return f"Take {chosen(report)}: {speed}, for {price}."
    return (
        f"Early exits do not pay here: at {chosen(report)} the cascade is {speed}. The table of exits below says which "
        "of them cost more than they save."
    )


def _overlap(one: Timing, other: Timing) -> bool:
    return one.low_ms <= other.high_ms and other.low_ms <= one.high_ms


def _interval(report: Report, timing: Timing) -> str:
    return f"{milliseconds(report, timing.low_ms)} to {milliseconds(report, timing.high_ms)} ms"


def headline_note(report: Report) -> str:
    """How the headline threshold was chosen, and what it does on images that had no part in that."""
    held = report.held
    if held.images == held.chosen_on == report.data.images:
        return f"It is {choice(report)}, told on the image that chose it."
    low, high = share_interval(round(held.accuracy * held.images), held.images)
    return (
        f"It is {choice(report)} on {held.chosen_on} images drawn at random. On the other {held.images}, which had no "
        f"part in that: {percent(held.accuracy)} % right ({percent(low)} to {percent(high)}), static network "
        f"{percent(held.static_accuracy)} %. All other accuracies are of all {report.data.images} images."
    )


def verdict(report: Report) -> str:
    """The honest headline."""
    row, static, unit = headline(report), report.static, flops_unit(report)
    ratio = "undefined, too few FLOPs saved" if row.saved_ratio is None else f"{row.saved_ratio:.2f}"
    return (
        f"{chosen(report)}, {choice(report)}: "
        f"{percent(report.held.accuracy)} % on the {report.held.images} images that did not choose it (static "
        f"{percent(report.held.static_accuracy)} %), "
        f"{milliseconds(report, row.timing.mean_ms)} ms (static {milliseconds(report, static.timing.mean_ms)} ms, "
        f"{times(row.speedup)}), {unit.text(row.mean_flops)} of {unit.text(static.flops)} {unit.name}; "
        f"latency saved over FLOPs saved: {ratio}"
    )
